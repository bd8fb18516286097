"""The calls that wait to be made: results and extensions a person has to tell, and callbacks. Nothing here writes."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from register import detour_tables as d
from register import tables as t
from register.read import LISTED, Row, rows

C, K, E, A, X = t.Complaint, t.SlaClock, t.CaseEvent, t.CallbackTry, d.CaseExtension
AT_MOST = 50
"""Of each kind: the most pressing."""
UNTOLD = ("approved", "undelivered")


async def waiting(engine: AsyncEngine, seen: ColumnElement[bool], username: str | None = None) -> list[Row]:
    """The calls to be made in the cases `seen`, by kind, the most pressing of each first.

    `username`: only in cases that person has opened or holds. `call` is result, callback or extension; `until` the end
    of its time limit; `attempts` how often it was tried in this round, `tried_at` when last.
    """
    own = true() if username is None else or_(col(C.opened_by) == username, col(C.handler) == username)
    of_them = and_(seen, own, col(C.closed_at).is_(None))
    found: list[Row] = []
    for query in (_results(), _callbacks(), _extensions()):
        found += await rows(engine, query.where(of_them))
    return found


def _calls(call: str, source: FromClause, clock: ColumnElement[str]) -> Select[Any]:
    """Cases with the end of that clock, and how often the complainant was called in this round."""
    tried = and_(col(A.reference) == col(C.reference), col(A.round) == col(C.round))
    attempts = select(func.count()).where(tried).correlate(t.table(C)).scalar_subquery()
    tried_at = select(func.max(col(A.at))).where(tried).correlate(t.table(C)).scalar_subquery()
    columns = [getattr(C, name) for name in LISTED]
    more = (literal(call).label("call"), func.coalesce(col(K.due_at), col(C.due_at)).label("until"))
    query = select(*columns, *more, attempts.label("attempts"), tried_at.label("tried_at"))
    timed = source.outerjoin(t.table(K), and_(col(K.reference) == col(C.reference), col(K.name) == clock))
    return query.select_from(timed).order_by(col(C.due_at).asc().nulls_last(), col(C.number)).limit(AT_MOST)


def _of_round(name: str) -> ColumnElement[str]:
    """The key of that clock in the round the case is in."""
    return case((col(C.round) == 1, name), else_=func.concat(f"{name}_", cast(col(C.round), String)))


def _noted(kind: str, after: ColumnElement[Any]) -> ColumnElement[bool]:
    return exists().where(col(E.reference) == col(C.reference), col(E.kind) == kind, after)


def _results() -> Select[Any]:
    """A result that cannot be written, or did not arrive: said by an event after this round's result was ready."""
    ready = select(func.max(col(E.seq))).where(col(E.reference) == col(C.reference), col(E.kind) == "result_ready")
    since = col(E.seq) > ready.correlate(t.table(C)).scalar_subquery()
    query = _calls("result", t.table(C), _of_round("resolution"))
    return query.where(col(C.stage) == "feedback", _noted("feedback_by_person", since))


def _callbacks() -> Select[Any]:
    return _calls("callback", t.table(C), _of_round("callback")).where(col(C.stage) == "callback")


def _extensions() -> Select[Any]:
    """Approved extensions no letter can tell, or none has, while the old time limit can still be moved."""
    by_person = or_(col(X.state) == "undelivered", _noted("extension_notice_by_person", col(E.at) >= col(X.at)))
    source = t.table(C).join(t.table(X), col(X.reference) == col(C.reference))
    query = _calls("extension", source, t.table(X).c.clock).where(col(X.state).in_(UNTOLD), by_person)
    return query.where(col(K.stopped_at).is_(None), col(K.breached_at).is_(None))
