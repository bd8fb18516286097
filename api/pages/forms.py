"""What a page's form sends, as the body of an act: dotted names are nested, empty fields are not there."""

import re
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from starlette.datastructures import FormData

Json = dict[str, Any]
OWN = ("csrf_token", "request_id", "seen", "back")
"""Fields of every form that are no part of the act."""
GROUPED = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
"""How people write 1,200,000.00."""


def typed(form: FormData) -> dict[str, list[str]]:
    """What was filled in, by field; each may have several values."""
    return {name: [str(value) for value in form.getlist(name)] for name in form if name not in OWN}


def body(filled: dict[str, list[str]], model: type[BaseModel], zone: ZoneInfo) -> Json:
    """The body those fields make for that model: `redress.amount.value`, `duties.0.task`, `kinds` several times.

    Numbers, ticks and local times are read as such; what cannot be read is left for the model to refuse.
    """
    schema = model.model_json_schema()
    made: Json = {}
    for field, values in _money(filled).items():
        values = [value for value in values if value.strip()]
        if values:
            _put(made, field.split("."), [_read(v, _of(schema, field.split(".")), zone) for v in values], schema)
    return made


def _money(filled: dict[str, list[str]]) -> dict[str, list[str]]:
    """Amounts as people write them: thousands may be grouped, and a preset currency without an amount says nothing."""
    said = dict(filled)
    for field in (f for f in filled if f.endswith("amount.value")):
        said[field] = [_ungrouped(value.strip()) for value in filled[field]]
    for field in (f for f in filled if f.endswith("amount.currency")):
        if not any(said.get(field.removesuffix("currency") + "value", [])):
            del said[field]
    return said


def _ungrouped(number: str) -> str:
    return number.replace(",", "") if GROUPED.fullmatch(number) else number


def _put(made: Json, place: list[str], values: list[Any], schema: Json) -> None:
    inner: Any = made
    for step, following in pairwise(place):
        if isinstance(inner, list):
            if not step.isdecimal() or int(step) > len(inner):
                return  # no form of ours leaves a gap
            if int(step) == len(inner):
                inner.append({})
            inner = inner[int(step)]
        else:
            inner = inner.setdefault(step, [] if following.isdecimal() else {})
    if isinstance(inner, dict):
        inner[place[-1]] = values if "items" in _of(schema, place) else values[-1]


def _of(schema: Json, place: list[str]) -> Json:
    """The schema of a field; of alternatives, the one that is not null."""
    here = schema
    for step in place:
        here = _plain(here, schema)
        here = here.get("items", {}) if step.isdecimal() else here.get("properties", {}).get(step, {})
    return _plain(here, schema)


def _plain(part: Json, whole: Json) -> Json:
    for alternative in part.get("anyOf", []):
        if alternative.get("type") != "null":
            return _plain(alternative, whole)
    if "$ref" in part:
        return _plain(whole["$defs"][part["$ref"].rsplit("/", 1)[-1]], whole)
    return part


def _read(value: str, part: Json, zone: ZoneInfo) -> Any:
    kind, form = part.get("type"), part.get("format")
    if kind == "integer" and re.fullmatch(r"-?[0-9]{1,12}", value.strip()):
        return int(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    if form == "date-time" and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", value):
        try:
            return datetime.fromisoformat(value).replace(tzinfo=zone).isoformat()
        except ValueError:
            return value
    return value.replace("\r\n", "\n")
