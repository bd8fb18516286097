"""How a web server goes: it says so on /readyz, asks for each connection to be closed, and lets go of live pages."""

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


async def leave(app: FastAPI) -> None:
    """From now on; requests are still answered, so that whoever sends them has time to notice."""
    app.state.leaving = True
    await app.state.changes.end()


class LastAnswers:
    """Each answer of a server that leaves closes its connection, or the next request might meet it as it goes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the answer back."""

        async def last(message: Message) -> None:
            if message["type"] == "http.response.start" and scope["app"].state.leaving:
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        await self.app(scope, receive, last if scope["type"] == "http" else send)
