"""What was typed into a form that could not be taken: carried on in the page itself, and sent again from there.

Nothing of it is stored here. It goes to the browser it came from, if a page of ours sent it, and comes back from there.
"""

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from api import csrf
from api.pages.names import FIELDS
from api.pages.words import say
from api.parts import Parts

TO, BEFORE = "kept_to", "kept."
"""The fields of the sign-in form that carry the address, and what was typed, along."""
UNSHOWN = ("request_id", "seen", "back", "next")


@dataclass(frozen=True)
class Kept:
    """Where it was sent to, and every field of it."""

    to: str
    fields: tuple[tuple[str, str], ...]

    @property
    def shown(self) -> list[tuple[str, str, str]]:
        """What a person reads of it: each filled field's name in Chinese and English, and its value."""
        return [(*_label(name), value) for name, value in self.fields if name not in UNSHOWN and value.strip()]


def _label(name: str) -> tuple[str, str]:
    """What a field is called: `duties.0.task` by its last part; its own name where the house has no word for it."""
    english = FIELDS.get(name) or FIELDS.get(name.rpartition(".")[2], name)
    return say("zh-CN", english), english


async def sent(here: Parts, request: Request) -> Kept | None:
    """What a form of ours sent to a page of the console; None for anything else, and for what another site sent."""
    if request.method != "POST" or not request.url.path.startswith("/desk/"):
        return None
    try:
        csrf.same_origin(here, request)
        form = await request.form()
    except HTTPException:  # from elsewhere, or not to be read as a form
        return None
    return Kept(request.url.path, tuple(_texts(form)))


def carried(form: FormData, local: Any) -> Kept | None:
    """What a sign-in form carries along; `local`: tells addresses of ours."""
    to = local(str(form.get(TO) or ""))
    if to is None or not to.startswith("/desk/"):
        return None
    return Kept(to, tuple((n.removeprefix(BEFORE), v) for n, v in _texts(form) if n.startswith(BEFORE)))


def _texts(form: FormData) -> list[tuple[str, str]]:
    return [(name, value) for name, value in form.multi_items() if isinstance(value, str) and name != csrf.FIELD]
