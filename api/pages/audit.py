"""The auditor's pages: who looked at what, who did what, and whether the log is as it was written."""

from datetime import timedelta
from typing import Any, TypeVar

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, JsonValue, ValidationError

from api import lines
from api.pages import acting, forms
from api.pages.log_words import act_words, changes, fault_words, who_words
from api.pages.page import Problem, Reader, Reads
from api.pages.time_left import zone
from api.staff_page import StaffRoute
from register import audit, audit_state, query_log, read, read_audit

router = APIRouter(route_class=StaffRoute, include_in_schema=False)
SHOWN = timedelta(days=30)
"""For how long an alarm stands at the top of the query log."""
MOST_ALARMS = 10
A = TypeVar("A", bound=BaseModel)


class File(lines.LimitsByAct):
    """Which lines to take away, as which kind of file."""

    kind: lines.Kind


@router.get("/desk/query-log")
async def looks(reader: Reads) -> Response:
    """Who looked at which case, when, from where and for what."""
    engine = reader.here.engine
    asked, problem = _asked(reader, lines.Asked)
    found = await lines.page(engine, query_log.page, asked) if asked else {"items": [], "next": None}
    alarms = await query_log.last_alarms(engine, reader.here.clock() - SHOWN, MOST_ALARMS)
    values = await _list(reader, found, problem) | {"alarms": alarms, "here": "query-log"}
    return reader.page("query_log.html", values, problem.status if problem else 200)


@router.get("/desk/audit")
async def log(reader: Reads) -> Response:
    """Who did what; and how far the log was checked."""
    return await _log(reader, None)


@router.get("/desk/audit/file")
async def take_away(reader: Reads) -> Response:
    """The lines that are asked for as a file; that it was taken is written down first, by whom and which lines."""
    asked, problem = _asked(reader, File)
    if asked is None:
        return await _log(reader, problem)
    wanted, kind = asked.wanted(), asked.kind
    change: dict[str, JsonValue] = {"from": lines.iso(wanted.since), "to": lines.iso(wanted.until), "kind": kind}
    given: dict[str, JsonValue] = {
        "limits": [f"{name}={value}" for name in ("who", "act") if (value := getattr(wanted, name))]
    }
    who, change = reader.who.username, {**change, **given}
    entry = audit.Entry(who=who, act="audit_exported", subject=wanted.subject, change=change, origin=_origin(reader))
    await audit.append(reader.here.engine, entry)
    headers = {"Content-Disposition": f'attachment; filename="audit-{reader.here.clock():%Y%m%d-%H%M}.{kind}"'}
    made = lines.file(reader.here.engine, wanted, kind)
    return StreamingResponse(made, media_type=lines.TYPES[kind], headers=headers)


@router.post("/desk/audit/check")
async def check(reader: Reads) -> Response:
    """Check the log, or what was added since it was last checked, and write down what was found."""
    try:
        await audit_state.check(reader.here.engine, reader.who.username, _origin(reader), audit_state.AT_ONCE)
    except audit_state.TooLong:
        text = "Too many lines to check while you wait. Have somebody of ops run: amends audit verify"
        return await _log(reader, Problem("audit/check", 409, reader.say(text)))
    return reader.to("desk/audit?done=checked")


async def _log(reader: Reader, problem: Problem | None) -> Response:
    engine, language = reader.here.engine, reader.language
    asked, wrong = (None, problem) if problem else _asked(reader, lines.AskedByAct)
    found = await lines.page(engine, read_audit.page, asked) if asked else {"items": [], "next": None}
    state = await audit_state.state(engine)
    values = await _list(reader, found, wrong) | {
        "state": state,
        "checked_by": who_words(language, state.last.who) if state.last else None,
        "fault": fault_words(language, state.last.fault) if state.last and state.last.fault else None,
        "here": "audit",
    }
    return reader.page("audit.html", values, wrong.status if wrong else 200)


def _asked(reader: Reader, model: type[A]) -> tuple[A, None] | tuple[None, Problem]:
    """What the address asks for, or what is wrong with it; times without a zone are the bank's own."""
    typed = _typed(reader)
    try:
        return model.model_validate(forms.body(typed, model, zone())), None
    except ValidationError as error:
        return None, acting.problem(reader, "filter", typed, error)


def _typed(reader: Reader) -> dict[str, list[str]]:
    given = reader.request.query_params
    return {name: given.getlist(name) for name in given if name != "done"}


async def _list(reader: Reader, found: dict[str, Any], problem: Problem | None) -> dict[str, Any]:
    """What a list of lines shows: each in words, what was asked for, and where it goes on."""
    language = reader.language
    named = await read.departments(reader.here.engine)
    departments = {d["code"]: d["zh"] if language == "zh-CN" else d["en"] for d in named}
    rows = [
        row | {
            "act_words": act_words(language, row["act"]),
            "who_words": who_words(language, row["who"]),
            "from_words": who_words(language, row["origin"] or ""),
            "changes": changes(language, row["change"], departments),
        }
        for row in found["items"]
    ]  # fmt: skip
    typed = {name: values[-1] for name, values in _typed(reader).items() if values[-1].strip()}
    kept = {name: value for name, value in typed.items() if name not in ("cursor", "limit", "kind")}
    return {"rows": rows, "more": found["next"], "typed": kept, "problem": problem}


def _origin(reader: Reader) -> str | None:
    return reader.request.client.host if reader.request.client else None
