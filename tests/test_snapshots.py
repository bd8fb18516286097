"""The board's figures are counted once for all who look, not too often, and never shown when they are old."""

import asyncio
import re
from datetime import UTC, datetime

import httpx
import pytest
from browser import HTML, page_session, web
from contract import different, signed_in
from office import Office
from sqlalchemy import func, select, update
from sqlmodel import col

from api import snapshots
from api.pages.live import Changes
from api.snapshots import AGAIN, OLDEST, PATIENCE, SHARE, Key, Once, Snapshot, Snapshots
from register.tables import Complaint
from register.write import CHANGED

KEY = Key("month", None)


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return signed_in(office_of_the_file)


def kept(office: Office) -> Snapshots:
    return Snapshots(office.engine, lambda: datetime.now(UTC), Changes(office.engine))


async def test_many_who_ask_at_once_are_answered_by_one_count(office: Office) -> None:
    mine = kept(office)
    found = await asyncio.gather(*[mine.of_period(KEY) for _ in range(20)])
    assert len({id(one) for one in found}) == 1
    assert await mine.of_period(KEY) is found[0], "and later, while it is fresh"
    assert await mine.of_period(Key("year", "legal")) is not found[0]


async def test_who_stops_waiting_stops_nobody_else(office: Office) -> None:
    mine = kept(office)
    first, second = [asyncio.create_task(mine.of_period(KEY)) for _ in range(2)]
    await asyncio.sleep(0)  # both have begun to wait
    first.cancel()
    assert isinstance(await second, Snapshot)


async def test_figures_past_their_time_are_shown_while_new_ones_are_counted(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = kept(office)
    first = await mine.of_period(KEY)
    monkeypatch.setattr(snapshots, "AGAIN", 0.0)
    monkeypatch.setattr(snapshots, "SHARE", 0)
    assert await mine.of_period(KEY) is first
    await mine.periods.begun(KEY)
    assert await mine.of_period(KEY) is not first


async def test_old_figures_are_not_shown(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = kept(office)
    first = await mine.of_period(KEY)
    for name in ("AGAIN", "OLDEST", "SHARE"):
        monkeypatch.setattr(snapshots, name, 0.0)
    assert await mine.of_period(KEY) is not first


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds by which figures grow old and counting is measured; the test moves them."""
    seconds = [1000.0]
    monkeypatch.setattr(snapshots, "monotonic", lambda: seconds[0])
    return seconds


class Slow:
    """Makes the numbers 1, 2, 3 …; each takes `took` seconds of the test's clock, and is made when it `may` be."""

    def __init__(self, clock: list[float], took: float) -> None:
        self.clock, self.took, self.number, self.may = clock, took, 0, asyncio.Event()
        self.may.set()

    async def make(self, key: str) -> int:
        await self.may.wait()
        self.clock[0] += self.took
        self.number += 1
        return self.number


@pytest.mark.parametrize("took", [0.05, 1.0, 4.0, 5.0, 60.0])
async def test_counting_takes_at_most_a_tenth_of_the_time_and_whoever_looks_waits_only_for_what_is_quick(
    office: Office, clock: list[float], took: float
) -> None:
    slow = Slow(clock, took)
    once: Once[str, int] = Once(slow.make, Changes(office.engine))
    began = clock[0]
    assert await once.wanted("all", AGAIN, OLDEST) == 1, "the first has nothing to look at but what is counted now"
    oldest = 0.0
    while clock[0] < began + 100 * took + 1000:
        clock[0] += 1
        before, number = clock[0], slow.number
        seen = await once.wanted("all", AGAIN, OLDEST)
        waited = clock[0] > before
        oldest = max(oldest, clock[0] - once.kept["all"].since)
        assert not waited or took <= PATIENCE
        assert seen == (slow.number if waited else number)
        await asyncio.gather(*once.tasks.values())
    assert slow.number * took <= (clock[0] - began) / SHARE + took, "and that of the beginning"
    assert slow.number >= (clock[0] - began) / max(AGAIN + 2, SHARE * took + 1 + took)
    assert took > PATIENCE or oldest <= OLDEST + 1


async def test_nobody_waits_without_end_for_what_was_quick_and_is_not_now(
    office: Office, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "PATIENCE", 0.2)
    slow = Slow(clock, 0.1)
    once: Once[str, int] = Once(slow.make, Changes(office.engine))
    assert await once.wanted("all", AGAIN, OLDEST) == 1
    slow.may.clear()
    clock[0] += OLDEST
    assert await once.wanted("all", AGAIN, OLDEST) == 1, "the old figures, while new ones are still counted"
    slow.may.set()
    await asyncio.gather(*once.tasks.values())
    assert await once.wanted("all", AGAIN, OLDEST) == 2


async def test_figures_of_this_moment_keep_to_their_share_of_the_time(office: Office, clock: list[float]) -> None:
    mine = kept(office)
    await mine.of_now(None)
    mine.moments.kept[None].took = 0.5
    mine.changes.number += 1
    clock[0] += 4.9
    before = await mine.of_now(None)
    clock[0] += 0.2
    assert await mine.of_now(None) is not before


async def test_figures_of_yesterday_are_not_shown_today(office: Office) -> None:
    day = [datetime(2026, 11, 22, 15, 59, tzinfo=UTC)]
    mine = Snapshots(office.engine, lambda: day[0], Changes(office.engine))
    first = await mine.of_period(KEY)
    day[0] = datetime(2026, 11, 22, 16, tzinfo=UTC)  # midnight in China
    assert (await mine.of_period(KEY)).last > first.last


async def test_a_register_that_is_away_is_said_and_asked_again(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = kept(office)
    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "targets", lambda now: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await mine.of_period(KEY)
    assert isinstance(await mine.of_period(KEY), Snapshot)


async def breached(http: httpx.AsyncClient) -> int:
    page = (await http.get("/desk/board", headers=HTML)).text
    found = re.search(r'figure=breached_open" aria-label="[^"]*: ([0-9]+)"', page)
    assert found
    return int(found[1])


async def test_a_breach_is_on_the_board_as_soon_as_the_register_tells_of_it(office: Office) -> None:
    case = await office.open(different())
    async with web(office) as http:
        await page_session(http, "manager")
        changes: Changes = http._transport.app.state.changes  # type: ignore[attr-defined]
        listening = asyncio.create_task(changes.listen())
        try:
            await changes.after(0)
            before = await breached(http)
            number = changes.number
            late = update(Complaint).where(col(Complaint.reference) == case["reference"]).values(breached=True)
            async with office.engine.begin() as db:
                await db.execute(late)
                await db.execute(select(func.pg_notify(CHANGED, "")))  # as the register's own writer tells of it
            await changes.after(number)
            async with asyncio.timeout(5):
                while await breached(http) == before:
                    pass
            assert await breached(http) == before + 1
        finally:
            listening.cancel()
