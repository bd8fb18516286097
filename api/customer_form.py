"""What a complainant sends: as JSON, or as the form of the page; the same fields, the same checks."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError

from api.routes.complaints import Key
from complaints.form import Text
from complaints.messages import Body

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
FORM_KEY = re.compile(r"[\w-]{8,100}", re.ASCII)
MOST_FACTS = 50
"""Facts by link in one case. The link needs no sign-in, and all of them travel in the state of the case."""

Words = Annotated[Text, Field(max_length=2_000)]
"""Shorter than what staff may write, for the same reason."""


class FactBody(Body):
    """Something to add."""

    text: Words


class CustomerWithdrawalBody(Body):
    """The complainant withdraws; `confirm` is the second step of the page."""

    reason: Words | None = None
    confirm: Literal["yes"] | None = None


class RatingBody(Body):
    """Satisfaction 1 to 5, likelihood to recommend 0 to 10; it counts as the callback."""

    satisfaction: Annotated[int, Field(ge=1, le=5, strict=True)]
    nps: Annotated[int, Field(ge=0, le=10, strict=True)] | None = None
    words: Words | None = None


B = TypeVar("B", bound=Body)


@dataclass(frozen=True)
class Sent(Generic[B]):
    """What was sent, under which key, and whether by the form of the page."""

    body: B
    key: str | None
    form: bool


def is_form(request: Request) -> bool:
    """Whether a page's form was sent."""
    return _kind(request) in FORMS


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def invalid(field: str, code: str, message: str) -> RequestValidationError:
    """One field at fault."""
    return RequestValidationError([{"type": code, "loc": ("body", field), "msg": message}])


def sent(model: type[B]) -> Callable[..., Awaitable[Sent[B]]]:
    """A dependency: the body, read as what its content type says."""

    async def read(request: Request, key: Key = None) -> Sent[B]:
        try:
            if is_form(request):
                fields = await _fields(request)
                form_key = fields.pop("request_id", None)
                return Sent(model.model_validate(fields), form_key, True)
            if _kind(request) != "application/json":
                raise RequestValidationError([{"type": "type", "loc": ("body",), "msg": "send JSON or a form"}])
            return Sent(model.model_validate_json(await request.body() or b"{}"), key, False)
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False, include_context=False)
            raise RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in found]) from None

    return read


async def _fields(request: Request) -> dict[str, Any]:
    """A form's fields: empty ones are left out, digits are numbers, and lines end as they do everywhere else."""
    form = await request.form(max_files=0, max_fields=10)
    fields: dict[str, Any] = {}
    for name, value in form.items():
        if isinstance(value, str) and value.strip():
            fields[name] = value.replace("\r\n", "\n")
    for name in ("satisfaction", "nps"):
        if re.fullmatch("[0-9]{1,3}", str(fields.get(name, ""))):
            fields[name] = int(fields[name])
    if not FORM_KEY.fullmatch(fields.get("request_id", "")):
        raise invalid("request_id", "required", "open the link again and send the form of the page")
    return fields


def documented(model: type[Body]) -> dict[str, Any]:
    """The body of a route for the OpenAPI document."""
    schema = model.model_json_schema()
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema}, FORMS[0]: {"schema": schema}},
        }
    }
