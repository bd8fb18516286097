"""Lets Temporal's Web UI, which stands at another address, ask the codec server from its users' browsers."""

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

HEADERS = ["Authorization", "Authorization-Extras", "Content-Type", "X-Namespace"]
"""What the Web UI sends with a request, to /decode and to /encode."""


class CodecCors:
    """CORS for /codec alone, and for the addresses of the Web UI alone; nothing else is shared."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self.app = app
        self.shared = CORSMiddleware(
            app, allow_origins=origins, allow_methods=["POST"], allow_headers=HEADERS, allow_credentials=True
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a browser's question first, if it is about the codec server."""
        shared = scope["type"] == "http" and scope["path"].startswith("/codec/")
        await (self.shared if shared else self.app)(scope, receive, send)
