"""Pages of ops: how the processes are, and what one case's process has done."""

import asyncio
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

from babel.dates import format_timedelta
from fastapi import APIRouter, Path, Query, Response
from temporalio.service import RPCError

from activities.render import LOCALES
from api import process_history, processes
from api.access import REFERENCE
from api.pages.history_words import Telling
from api.pages.page import Reader, Reads
from api.pages.time_left import moment
from api.process_history import Run
from api.processes import Trouble
from api.staff_page import StaffRoute
from api.up import parts_up
from complaints.errors import Refused
from register import health, read, reconciling

router = APIRouter(route_class=StaffRoute, include_in_schema=False)
Json = dict[str, Any]
DAY, WEEK = timedelta(days=1), timedelta(days=7)
ON_PAGE = 200
MOST_EVENTS = 60_000
"""Temporal ends a run at 51,200 events."""
LETTER_STATES = ("ready", "handing_over", "failed", "uncertain")


@router.get("/desk/ops")
async def ops_page(reader: Reads) -> Response:
    """How the parts, the workers, the processes, the deadlines and what goes out are."""
    values = await _temporal(reader) | await _register(reader)
    waiting = [row["reference"] for row in values["stuck"] if row["state"] in ("ready", "handing_over")]
    retrying = await processes.retrying(reader.here, waiting) if values["parts"]["temporal"] else None
    own = {"retrying": retrying, "lasts": lambda span: lasts(reader, span), "here": "ops"}
    return reader.page("ops.html", values | own)


async def _temporal(reader: Reader) -> Json:
    """What Temporal says; None, and no queue, where it does not answer."""
    here = reader.here
    now = here.clock()
    values: Json = {
        "parts": await parts_up(here),
        "queues": [],
        "counts": {"complaints": None, "others": None},
        "failing": None,
        "lost": None,
        "activity": lambda trouble: _activity(reader, trouble),
        "temporal_ui": lambda workflow, run=None: temporal_ui(reader, workflow, run),
        "ui_home": here.ui_origins[0] if here.ui_origins else None,
    }
    if not values["parts"]["temporal"]:
        return values
    steps, errands, complaints, others, failing, ended = await asyncio.gather(
        processes.queue(here, "workflow", now),
        processes.queue(here, "activity", now),
        processes.counts(here, others=False),
        processes.counts(here, others=True),
        processes.failing(here),
        processes.ended_badly(here),
    )
    open_now = await health.open_cases(here.engine, [w.id for w in ended or []])
    return values | {
        "queues": [queue for queue in (steps, errands) if queue is not None],
        "counts": {"complaints": complaints, "others": others},
        "failing": failing,
        "lost": None if ended is None else [w for w in ended if w.id in open_now],
    }


async def _register(reader: Reader) -> Json:
    """What the register says."""
    here = reader.here
    now = here.clock()
    engine = here.engine
    spans = {"day": DAY, "week": WEEK}
    alarms = {of: {row["kind"]: row for row in await health.alarms(engine, now - s, now)} for of, s in spans.items()}
    letters = await health.letters(engine, now - WEEK)
    stuck = await health.letters_to_look_at(engine, processes.SHOWN)
    kept, kept_first = await health.kept(engine, now, processes.SHOWN)
    return {
        "alarms": alarms,
        "letters": [(state, letters[state]) for state in LETTER_STATES if state in letters],
        "stuck": stuck,
        "digests": await health.digests(engine),
        "notices": await health.notices(engine),
        "kept": kept,
        "kept_first": kept_first,
        "compared": await reconciling.last(engine),
    }


def lasts(reader: Reader, span: timedelta) -> str:
    """A span in words, its largest unit."""
    return format_timedelta(span, threshold=1.5, locale=LOCALES[reader.language][0])


def _activity(reader: Reader, trouble: Trouble) -> str:
    return Telling(reader.language, {}, str, {}).activity(trouble.what)


def temporal_ui(reader: Reader, workflow: str, run: str | None = None) -> str | None:
    """Where Temporal's own Web UI shows that process, if this office knows its address."""
    if not reader.here.ui_origins:
        return None
    where = f"{reader.here.ui_origins[0]}/namespaces/{reader.here.temporal.namespace}/workflows/{workflow}"
    return f"{where}/{run}/history" if run else where


@router.get("/desk/ops/{reference}")
async def process_page(
    reference: Annotated[str, Path(pattern=REFERENCE)],
    reader: Reads,
    run: Annotated[str | None, Query(pattern=r"^[0-9a-f-]{36}$")] = None,
    first: Annotated[int, Query(alias="from", ge=1, le=MOST_EVENTS)] = 1,
) -> Response:
    """What a case's process has done, event by event."""
    here = reader.here
    values: Json = {"reference": reference, "here": "ops", "first": first, "on_page": ON_PAGE, "runs": [], "lines": []}
    try:
        async with asyncio.timeout(processes.SOON.total_seconds()):
            runs = await process_history.runs(here.temporal, reference)
        if runs is None:
            started = await read.complaint(here.engine, reference) is not None
            return reader.page("ops_case.html", values | {"state": "gone" if started else "kept"})
        chosen = _chosen(runs, run)
        values |= {"runs": runs, "run": chosen, "temporal_ui": temporal_ui(reader, reference, chosen.id)}
        async with asyncio.timeout(process_history.READ_WITHIN.total_seconds()):
            history = await process_history.read(here.temporal, reference, chosen.id, first, ON_PAGE)
    except (RPCError, RuntimeError, TimeoutError):
        return reader.page("ops_case.html", values | {"state": "away"})
    if history is None:
        return reader.page("ops_case.html", values | {"state": "run_gone"})
    tongue = "zh" if reader.language == "zh-CN" else "en"
    departments = {row["code"]: row[tongue] for row in await read.departments(here.engine)}
    telling = Telling(reader.language, history.known, lambda at: _when(reader, at), departments)
    values |= {"lines": [asdict(telling.line(told)) for told in history.events], "more": history.more}
    return reader.page("ops_case.html", values | {"state": "there"})


def _chosen(runs: list[Run], wanted: str | None) -> Run:
    """The run asked for, or the newest."""
    found = next((r for r in runs if wanted in (None, r.id)), None)
    if found is None:
        raise Refused("unknown", "no such run")
    return found


def _when(reader: Reader, at: Any) -> str:
    shown = moment(at)
    return f"{shown:%Y-%m-%d %H:%M}" if shown else ""
