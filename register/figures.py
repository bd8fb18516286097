"""What each figure of R10.1 is: which complaints it is about, and which of them count. docs/figures.md has the plans.

Every figure is said in complaints, so that the list behind it is the very condition it was counted by. A figure of a
period is about the complaints received in it, or about those closed in it; per cent = hits / base x 100.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast, get_args

from sqlalchemy import ColumnElement, and_, exists, true
from sqlalchemy.orm import aliased
from sqlmodel import col

from complaints.names import Kind, Outcome
from complaints.targets import FigureName, Targets
from register import detour_tables as d
from register import tables as t

C = t.Complaint
Condition = ColumnElement[bool]
PROMOTERS, DETRACTORS = 9, 6
"""NPS: 9 and 10 are promoters, 0 to 6 detractors."""


@dataclass(frozen=True)
class Rate:
    """`by`: the moment that puts a complaint into a period. `bad`: a hit is what should not be."""

    by: Literal["received", "closed"]
    base: Condition
    hit: Condition
    unit: Literal["percent", "days", "points"] = "percent"
    bad: bool = False
    plain: bool = True
    """Said by columns of the complaint alone; otherwise other tables are asked, too."""

    @property
    def against(self) -> Condition:
        """The complaints of the base that count against the figure."""
        return and_(self.base, self.hit if self.bad else ~self.hit)


def _outcome(*outcomes: Outcome) -> Condition:
    return col(C.outcome).in_([str(o) for o in outcomes])


WITH_RESULT = ~_outcome(Outcome.withdrawn, Outcome.merged)
"""Closed after a result: neither withdrawn by the complainant nor merged into another complaint."""
NAMED = ~col(C.kinds).contains([str(Kind.anonymous)])


def _broken(name: str) -> Condition:
    """Some time limit of that name, of any round, was broken: `resolution`, `resolution_2`."""
    k = t.SlaClock
    return exists().where(
        col(k.reference) == col(C.reference), col(k.breached_at).isnot(None), col(k.name).startswith(name)
    )


def registration(_: Targets) -> Rate:
    """Registration timeliness, % of complaints received: registered, classified and assigned within the limit.

    One whose limit still runs counts as in time. Source: clock `registration`; R1.3, R3.1, R10.1.
    """
    return Rate("received", true(), ~_broken("registration"), plain=False)


def first_response(_: Targets) -> Rate:
    """First responses within 48 hours, % of complaints received; one whose limit still runs counts as in time.

    Source: clock `first_response`; R4.4, R10.2.
    """
    return Rate("received", true(), ~_broken("first_response"), plain=False)


def handling(_: Targets) -> Rate:
    """Handling rate, % of complaints received: closed by now, however they ended. Source: `closed_at`; R10.1."""
    return Rate("received", true(), col(C.closed_at).isnot(None))


def escalation(_: Targets) -> Rate:
    """Escalation rate, % of complaints received: some time limit was escalated, one rung or more.

    Source: `level` of the clocks; R4.3, R10.1. Fewer is better.
    """
    k = t.SlaClock
    climbed = exists().where(col(k.reference) == col(C.reference), col(k.breached_at).isnot(None), col(k.level) >= 1)
    return Rate("received", true(), climbed, bad=True, plain=False)


def repeat(rules: Targets) -> Rate:
    """Repeat complaints, % of complaints received with a customer number: the customer complained before, within days.

    `repeat_within_days` before this receipt; a merged one is no complaint of its own. Source: `customer_number_index`,
    by which an erased complaint is no longer found; R10.1. Fewer is better.
    """
    earlier = aliased(C)
    known = and_(
        col(earlier.customer_number_index) == col(C.customer_number_index),
        col(earlier.received_at) < col(C.received_at),
        col(earlier.received_at) >= col(C.received_at) - timedelta(days=rules.repeat_within_days),
    )
    base = and_(col(C.customer_number_index).isnot(None), col(C.merged_into).is_(None))
    return Rate("received", base, exists().where(known), bad=True, plain=False)


def on_time(_: Targets) -> Rate:
    """On-time rate, % of complaints closed with a result: the limit of the result was kept in every round.

    Source: clocks `resolution`, with what extensions and pauses made of them; R4.1, R10.1.
    """
    return Rate("closed", WITH_RESULT, ~_broken("resolution"), plain=False)


def handling_time(_: Targets) -> Rate:
    """Average handling time, days of 24 hours from receipt to closing, of complaints closed with a result.

    Source: `received_at`, `closed_at`; R10.1. Fewer is better.
    """
    return Rate("closed", WITH_RESULT, true(), unit="days")


def first_time(_: Targets) -> Rate:
    """First-time resolution, % of complaints closed with a result: no second round. Source: `round`; R9.2, R10.1."""
    return Rate("closed", WITH_RESULT, col(C.round) == 1)


def transfer(_: Targets) -> Rate:
    """Transfer success, % of complaints closed with a result that were handed on: accepted there and handled.

    Of several transfers of one complaint, none may have failed. Source: `casetransfer.handled`; R3.3, R10.1.
    """
    x = d.CaseTransfer
    asked = exists().where(col(x.reference) == col(C.reference))
    failed = exists().where(col(x.reference) == col(C.reference), col(x.handled).is_(False))
    return Rate("closed", and_(WITH_RESULT, asked), ~failed, plain=False)


def closed_loop(_: Targets) -> Rate:
    """Closed loop, % of complaints closed with a result: the complainant was reached and answered, or, of an anonymous
    one, the result was published. Source: `outcome`, which is then not `not_reached`; R10.1, R10.2.
    """
    return Rate("closed", WITH_RESULT, ~_outcome(Outcome.not_reached))


def callback(_: Targets) -> Rate:
    """Callback rate, % of named complaints closed with a result: called back within the limit, in every round.

    Source: clocks `callback`; R9.1, R10.1.
    """
    return Rate("closed", and_(WITH_RESULT, NAMED), ~_broken("callback"), plain=False)


def csat(rules: Targets) -> Rate:
    """CSAT, % satisfied of the rated complaints closed: `satisfied_from` or better of 1 to 5, the last rating.

    Source: `satisfaction`; R9.1, R10.1, R10.2.
    """
    return Rate("closed", col(C.satisfaction).isnot(None), col(C.satisfaction) >= rules.satisfied_from)


def nps(_: Targets) -> Rate:
    """NPS, points from -100 to 100: % promoters (9, 10) less % detractors (0 to 6) of the complaints closed that
    have such an answer. Source: `nps`, the last one; R9.1, R10.1.
    """
    return Rate("closed", col(C.nps).isnot(None), col(C.nps) > DETRACTORS, unit="points")


FIGURES: dict[FigureName, Callable[[Targets], Rate]] = {
    "registration": registration, "first_response": first_response, "handling": handling, "escalation": escalation,
    "repeat": repeat, "on_time": on_time, "handling_time": handling_time, "first_time": first_time,
    "transfer": transfer, "closed_loop": closed_loop, "callback": callback, "csat": csat, "nps": nps,
}  # fmt: skip

NowName = Literal["open", "due_today", "overdue", "breached_open"]


def standing(name: NowName, now: datetime, tomorrow: datetime) -> Condition:
    """The open complaints of a figure of this moment; `tomorrow`: when the bank's next day begins.

    open: not closed. due_today: the next limit of it ends later today. overdue: a running limit of it is past.
    breached_open: some limit of it was broken at some time, whether or not one is past now.
    """
    of = {
        "open": true(),
        "due_today": and_(col(C.due_at) >= now, col(C.due_at) < tomorrow),
        "overdue": col(C.due_at) < now,
        "breached_open": col(C.breached).is_(True),
    }
    return and_(col(C.closed_at).is_(None), of[name])


def between(by: Literal["received", "closed"], since: datetime | None, until: datetime | None) -> list[Condition]:
    """Received, or closed, from then and before then, as far as these are given."""
    at = col(C.received_at) if by == "received" else col(C.closed_at)
    return [*([at >= since] if since else []), *([at < until] if until else [])]


def of_department(code: str | None) -> Condition:
    """Held by that department now, or when it was closed; none: of all."""
    return true() if code is None else col(C.department) == code


NOW_NAMES: tuple[NowName, ...] = get_args(NowName)


def behind(
    name: FigureName | NowName, rules: Targets, now: datetime, tomorrow: datetime, *, against: bool = False
) -> Condition:
    """The complaints a figure is counted from; `against`: those of them that count against it."""
    if name in FIGURES:
        rate = FIGURES[name](rules)
        return rate.against if against else rate.base
    return standing(cast(NowName, name), now, tomorrow)
