"""The figures of the board on a small register made by hand, against values reckoned by hand."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from keys import MASTER, register_at
from sqlalchemy import insert, make_url, true
from sqlalchemy.ext.asyncio import AsyncEngine

from complaints.targets import FigureName, Target, Targets
from policies.load import load
from register import detour_tables as d
from register import measuring, read
from register import tables as t
from register.figures import FIGURES, NOW_NAMES, behind, between
from register.measuring import Measured, Period
from register.sealing import FORM, STATE, box_of, put
from run import local_postgres

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
TOMORROW = datetime(2026, 11, 22, 16, tzinfo=UTC)
NOVEMBER = Period(datetime(2026, 10, 31, 16, tzinfo=UTC), TOMORROW, "Asia/Shanghai", "day")
RULES = Targets(source="test", satisfied_from=4, repeat_within_days=90)


def at(day: int, hour: int = 12, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def case(number: int, received: datetime, closed: datetime | None = None, **more: Any) -> dict[str, Any]:
    row = {
        "reference": f"CMP-2026-{number:06}", "number": number, "seq": 1, "stage": "closed" if closed else "in_progress",
        "outcome": "satisfied" if closed else None, "nature": "service", "urgency": "general", "kinds": [],
        "department": "legal", "channel": "telephone", "product": "loan", "language": "zh-CN", "received_at": received,
        "opened_at": received, "opened_by": "agent", "closed_at": closed, "due_at": None, "breached": False, "round": 1,
        "root_cause_index": None, "satisfaction": None, "nps": None, "policy": "cn-2026-11-20", "merged_into": None,
        "customer_number_index": None,
    }  # fmt: skip
    assert set(more) <= set(row)
    return row | more


CASES = [
    case(1, at(1, 0), at(3, 0), satisfaction=5, nps=10, customer_number_index="c1", root_cause_index="a" * 32),
    case(2, at(2, 0), at(6, 0), satisfaction=4, nps=9, nature="product", channel="email", root_cause_index="a" * 32),
    case(3, at(3, 0), at(9, 0), satisfaction=2, nps=3, round=2, customer_number_index="c1", root_cause_index="a" * 32),
    case(4, at(4, 0), at(5, 0), outcome="withdrawn", department="it_channels"),
    case(5, at(5, 0), at(6, 0), outcome="merged", merged_into="CMP-2026-000001", customer_number_index="c1"),
    case(6, at(6, 0), at(10, 0), outcome="not_reached", department="it_channels", root_cause_index="b" * 32),
    case(7, at(7, 0), at(9, 0), outcome="anonymous_published", kinds=["anonymous"]),
    case(8, at(8, 0), due_at=NOW - timedelta(hours=1), breached=True),
    case(9, at(9, 0), due_at=NOW + timedelta(hours=1), stage="assigned", customer_number_index="c2"),
    case(10, at(21), due_at=NOW + timedelta(days=2), breached=True, department="it_channels", product=None),
    # Received in October, closed in November; and the other way round of neither. 90 days before the second of c2:
    case(11, at(30, month=10), at(4, 12), satisfaction=1, nps=7),
    case(12, at(1, month=8), at(9, month=8), satisfaction=5, nps=10, customer_number_index="c2"),
    case(13, datetime(2026, 10, 31, 15, 59, tzinfo=UTC), datetime(2026, 10, 31, 15, 59, 59, tzinfo=UTC)),
]
BROKEN = [
    *[(1, "registration", 1), (8, "registration", 1), (8, "resolution", 2), (10, "first_response", 1)],
    *[(2, "resolution", 1), (3, "resolution_2", 1), (6, "callback", 1), (4, "resolution", 1)],
]
TRANSFERS = [(1, 1, True), (2, 1, True), (2, 2, False), (4, 1, False), (8, 1, False)]

EXPECTED: list[tuple[FigureName, int, int, float | None, int]] = [
    ("registration", 10, 8, 80.0, 2),
    ("first_response", 10, 9, 90.0, 1),
    ("handling", 10, 7, 70.0, 3),
    ("escalation", 10, 7, 70.0, 7),  # 1, 2, 3, 4, 6, 8, 10
    ("repeat", 3, 1, 100 / 3, 1),  # 3 after 1; 5 was merged; 9 is a hundred days after 12
    ("on_time", 6, 4, 400 / 6, 2),  # 1, 2, 3, 6, 7, 11
    ("handling_time", 6, 6, (2 + 4 + 6 + 4 + 2 + 5) / 6, 0),
    ("first_time", 6, 5, 500 / 6, 1),
    ("transfer", 2, 1, 50.0, 1),  # 1 and 2; 4 was withdrawn, 8 is open
    ("closed_loop", 6, 5, 500 / 6, 1),
    ("callback", 5, 4, 80.0, 1),
    ("csat", 4, 2, 50.0, 2),
    ("nps", 4, 3, 25.0, 1),  # 10, 9 less 3 of four
]


@pytest.fixture(scope="module")
async def small(owner_url: str) -> AsyncIterator[AsyncEngine]:
    """A register of its own with these cases and nothing else."""
    with psycopg.connect(owner_url.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute("CREATE DATABASE figures")
    url = make_url(owner_url).set(database="figures").render_as_string(hide_password=False)
    engine = register_at(local_postgres.prepared(url, MASTER))
    async with engine.begin() as db:
        for number in (1, 2, 3):
            box = await box_of(db, f"CMP-2026-{number:06}", make=True)
            state = {"resolutions": [{"root_cause": "系统参数错误，客户电话 13900001234"}]}
            CASES[number - 1] |= {
                "form": put(box, FORM, {"complainant": {"name": "张三"}}),
                "state": put(box, STATE, state),
            }
        for row in CASES:
            await db.execute(insert(t.Complaint).values(row))
        for number, name, level in BROKEN:
            clock = {"reference": f"CMP-2026-{number:06}", "name": name, "started_at": at(1), "due_at": at(2)}
            await db.execute(
                insert(t.SlaClock).values(clock | {"breached_at": at(2), "level": level, "provisional": False})
            )
        for number, n, handled in TRANSFERS:
            row = {"reference": f"CMP-2026-{number:06}", "number": n, "at": at(2), "by": "h", "handled": handled}
            await db.execute(
                insert(d.CaseTransfer).values(row | {"from_department": "legal", "to_department": "loans_mortgage"})
            )
        for number, over in ((8, None), (9, at(10))):
            reference = f"CMP-2026-{number:06}"
            row = {"id": f"{reference}-M1", "reference": reference, "declared_at": at(9), "due_at": at(9), "members": 0}
            await db.execute(insert(d.MajorIncident).values(row | {"reported_at": over}))
    yield engine
    await engine.dispose()


async def counted(engine: AsyncEngine, department: str | None = None, period: Period = NOVEMBER) -> dict[str, Measured]:
    async with engine.connect() as db:
        return {m.name: m for m in await measuring.figures(db, period, department, RULES)}


def test_every_figure_is_reckoned_by_hand() -> None:
    assert [name for name, *_ in EXPECTED] == list(FIGURES)
    assert all(figure.__doc__ and "R" in figure.__doc__ for figure in FIGURES.values())


@pytest.mark.parametrize(("name", "base", "hits", "value", "against"), EXPECTED)
async def test_a_figure_is_what_was_reckoned(
    small: AsyncEngine, name: FigureName, base: int, hits: int, value: float, against: int
) -> None:
    found = (await counted(small))[name]
    assert (found.base, found.hits, found.against) == (base, hits, against)
    assert found.value == pytest.approx(value)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("against", [False, True])
async def test_the_list_behind_a_figure_has_as_many_cases_as_it_counted(
    small: AsyncEngine, name: FigureName, against: bool
) -> None:
    found = (await counted(small))[name]
    also = [behind(name, RULES, NOW, TOMORROW, against=against)]
    also += between(found.by, NOVEMBER.since, NOVEMBER.until)
    rows, _ = await read.complaints(small, true(), also=also)
    assert len(rows) == (found.against if against else found.base)


async def test_the_figures_of_a_department_are_about_its_complaints_alone(small: AsyncEngine) -> None:
    found = await counted(small, "it_channels")
    assert (found["handling"].base, found["handling"].hits, found["on_time"].base) == (3, 2, 1)
    assert found["csat"].value is None and found["nps"].value is None, "nobody was asked"


async def test_a_period_in_which_nothing_came_has_no_values(small: AsyncEngine) -> None:
    found = await counted(small, None, Period(at(1, month=1), at(2, month=1), "Asia/Shanghai", "day"))
    assert all(m.value is None and m.base == m.hits == m.against == 0 for m in found.values())


async def test_the_figures_of_this_moment(small: AsyncEngine) -> None:
    found = await measuring.standings(small, NOW, TOMORROW, None)
    assert found["stages"] == {"in_progress": 2, "assigned": 1}
    assert [found[name] for name in NOW_NAMES] == [3, 1, 1, 2] and found["incidents"] == 1
    for name in NOW_NAMES:
        rows, _ = await read.complaints(small, true(), also=[behind(name, RULES, NOW, TOMORROW)])
        assert len(rows) == found[name]
    assert (await measuring.standings(small, NOW, TOMORROW, "it_channels"))["open"] == 1


async def test_the_trend_goes_by_the_banks_own_days_and_weeks(small: AsyncEngine) -> None:
    async with small.connect() as db:
        days = await measuring.trend(db, NOVEMBER, None)
        weeks = await measuring.trend(db, Period(NOVEMBER.since, TOMORROW, "Asia/Shanghai", "week"), None)
    assert days[date(2026, 11, 6)] == {"received": 1, "closed": 2} and date(2026, 10, 31) not in days
    assert weeks[date(2026, 11, 2)] == {"received": 7, "closed": 5}


async def test_what_complaints_are_about_is_counted_by_each_dimension(small: AsyncEngine) -> None:
    async with small.connect() as db:
        found = await measuring.about(db, NOVEMBER, None)
    assert found == {
        "nature": [("service", 9), ("product", 1)],
        "product": [("loan", 9), (None, 1)],
        "channel": [("telephone", 9), ("email", 1)],
        "department": [("legal", 7), ("it_channels", 3)],
    }


async def test_a_common_cause_is_told_in_words_masked_and_a_rare_one_is_not(small: AsyncEngine) -> None:
    async with small.connect() as db:
        [common, rare] = await measuring.causes(db, NOVEMBER, None)
    assert common[1:] == ("a" * 32, 3) and rare == (None, "b" * 32, 1)
    assert common[0] is not None and common[0].startswith("系统参数错误") and "13900001234" not in common[0]


def test_targets_are_rules_with_a_date_and_a_source() -> None:
    assert load("cn", date(2026, 11, 19)).targets is None
    rules = load("cn", date(2026, 11, 20)).targets
    assert rules is not None and set(rules.figures) <= set(FIGURES)
    assert rules.figures["csat"].at_least == 85 and rules.figures["closed_loop"].at_least == 100


@pytest.mark.parametrize(
    ("target", "value", "met"),
    [
        ({"at_least": 85}, 85.0, True),
        ({"at_least": 85}, 84.99, False),
        ({"at_most": 5}, 5.0, True),
        ({"at_most": 5}, 5.1, False),
    ],
)
def test_a_target_is_met_at_its_very_value(target: dict[str, float], value: float, met: bool) -> None:
    assert Target(**target, source="test").met(value) is met


def test_a_target_says_one_thing() -> None:
    for wrong in ({}, {"at_least": 1, "at_most": 2}):
        with pytest.raises(ValueError, match="one of at_least, at_most"):
            Target(**wrong, source="test")
