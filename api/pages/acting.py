"""What people do on pages: for each act of the API a form's target, /desk/ before the act's own address.

The form is turned into the act's body and given to the very function that answers the API. What is refused comes back
as the page it was sent from, with what was typed, and with what others did since that page was opened.
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, get_type_hints

from fastapi import APIRouter, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.datastructures import FormData

from api import errors
from api.pages import forms
from api.pages.page import Problem, Reader, Reads
from api.pages.refusals import field_words, refusal_words
from api.pages.time_left import zone
from api.view import event_json, mask_of
from complaints.errors import Refused
from complaints.names import case_of
from complaints.records import PROCESS
from register import read
from register.connect import REGISTER_AWAY

Show = Callable[[Reader, str, Problem], Awaitable[Response]]


class Changed(Exception):
    """Somebody else has acted since the page was opened."""

    def __init__(self, news: list[dict[str, Any]]) -> None:
        super().__init__("somebody else has acted meanwhile")
        self.news = news


def forms_of(acts: APIRouter, desk: APIRouter, named: str, show: Show, to: str) -> None:
    """Give `desk` a form's target for each act whose path names a `{named}`; `show` makes the page it stands on."""
    for route in acts.routes:
        if isinstance(route, APIRoute) and "POST" in (route.methods or ()) and f"{{{named}}}" in route.path:
            target = _target(route, named, show, to)
            desk.add_api_route(f"/desk{route.path}", target, methods=["POST"], include_in_schema=False)


def _target(route: APIRoute, named: str, show: Show, to: str) -> Callable[..., Awaitable[Response]]:
    act = route.endpoint
    hints = get_type_hints(act, include_extras=True)
    wanted = inspect.signature(act).parameters

    async def do(reader: Reads) -> Response:
        form = await reader.request.form(max_fields=500)
        path, filled = reader.request.path_params, forms.typed(form)
        values: dict[str, Any] = {
            "here": reader.here,
            "who": reader.who,
            "key": str(form.get("request_id") or "") or None,
        }
        try:
            values |= {n: TypeAdapter(hints[n]).validate_python(path[n]) for n in path if n in wanted}
        except ValidationError:
            raise Refused("unknown", "no such thing") from None
        try:
            if "body" in wanted:
                model = _model(hints["body"])
                values["body"] = model.model_validate(forms.body(filled, model, zone()))
            await nothing_new(reader, str(path[named]), str(form.get("seen") or ""))
            await act(**{n: v for n, v in values.items() if n in wanted})
        except (Refused, ValidationError, Changed, *REGISTER_AWAY) as error:
            action = reader.request.url.path.partition("/desk/")[2]
            return await show(reader, str(path[named]), problem(reader, action, filled, error))
        done = route.path.rsplit("}", 1)[-1].strip("/").replace("/", "_") or "done"
        return reader.to(_back(form) or f"{to.format(path[named])}?done={done}")

    do.__name__ = f"desk_{act.__name__}"
    return do


def _model(hint: Any) -> type[BaseModel]:
    """The body's model, of `Model` or `Model | None`."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return hint
    return next(_model(inner) for inner in hint.__args__ if inner is not type(None))


def _back(form: FormData) -> str | None:
    """The page of ours to go on to, where the form names one."""
    back = str(form.get("back") or "")
    return back if back.startswith("desk/") and back.isascii() and back.isprintable() and "\\" not in back else None


async def nothing_new(reader: Reader, identifier: str, seen: str) -> None:
    """Hold the act back once when somebody else has acted since the page was opened; no `seen`, no such care."""
    if not seen.isdecimal():
        return
    reference = identifier if identifier.count("-") == 2 else case_of(identifier)
    events = [e for e in await read.events(reader.here.engine, reference) if e["seq"] > int(seen[:9])]
    if any(event["by"] not in (PROCESS, reader.who.username) for event in events):
        mask = mask_of((await read.forms(reader.here.engine, [reference])).get(reference))
        raise Changed([event_json(event, mask) for event in events])


def problem(reader: Reader, action: str, filled: dict[str, list[str]], error: Exception) -> Problem:
    """What the page says of a refusal, in the reader's language."""
    language = reader.language
    reader.request.state.problem = getattr(error, "code", "invalid")
    if isinstance(error, Changed):
        text = reader.say(
            "Somebody else has acted since you opened this page. Look, then send it again if you still want to."
        )
        return Problem(action, 409, text, filled, news=error.news)
    if isinstance(error, ValidationError):
        faults = {
            ".".join(map(str, e["loc"])): field_words(language, e["type"], e["msg"], e.get("ctx"))
            for e in error.errors()
        }
        return Problem(action, 422, reader.say("Please check the marked fields."), filled, faults)
    if isinstance(error, Refused):
        faults = {e.field: field_words(language, e.code, e.message, None) for e in error.errors}
        return Problem(action, errors.STATUS.get(error.code, 409), refusal_words(language, error), filled, faults)
    return Problem(
        action, 503, reader.say("A part of the system is away. Nothing was lost: send it again soon."), filled
    )
