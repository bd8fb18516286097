"""The relay of what was kept while Temporal was away: in order, and one that can never start holds up no other."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from contract import different
from office import SECRET, Office
from sqlalchemy import make_url, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel import col
from temporalio.client import Client

from api import opening, relay
from api.app import create_app
from api.parts import Parts
from complaints.form import ComplaintForm
from register import intake
from register.sealing import box_of, put
from register.tables import Complaint, Intake
from vault.box import Unreadable
from vault.keyring import keyring_of


@pytest.fixture(scope="module")
async def office(office_of_the_file: Office) -> Office:
    """Nothing is kept in it: what other tests left, for which no worker is at work, would hold up these."""
    async with office_of_the_file.engine.begin() as db:
        left = col(Intake.started_at).is_(None) & col(Intake.set_aside).is_(None)
        await db.execute(update(Intake).where(left).values(set_aside="left by another test"))
    return office_of_the_file


async def kept(office: Office, number: int) -> list[str]:
    """Complaints that were kept a while ago, and not started."""
    references = []
    for _ in range(number):
        form = ComplaintForm.model_validate(different(received_at=datetime.now(UTC).isoformat()))
        one, _ = await opening.keep(office.engine, form, "agent", None)
        references.append(one.reference)
    long_ago = datetime.now(UTC) - timedelta(minutes=5)
    async with office.engine.begin() as db:
        await db.execute(update(Intake).where(col(Intake.reference).in_(references)).values(recorded_at=long_ago))
    return references


async def catch_up(office: Office) -> int:
    return await relay.catch_up(office.engine, office.env.client, office.queue)


async def aside(office: Office, reference: str) -> str | None:
    async with office.engine.connect() as db:
        return (await db.execute(select(col(Intake.set_aside)).where(col(Intake.reference) == reference))).scalar_one()


async def rewrite(office: Office, reference: str, content: bytes | None, form: object = None) -> None:
    """Put something else in the place of what was received."""
    async with office.engine.begin() as db:
        sealed = content or put(await box_of(db, reference), intake.PLACE, form)
        await db.execute(update(Intake).where(col(Intake.reference) == reference).values(form=sealed))


async def test_what_cannot_be_read_is_set_aside_and_the_others_start_in_order(office: Office) -> None:
    garbled, strange, third, fourth = await kept(office, 4)
    await rewrite(office, garbled, b"no sealed text at all, and long enough to look like one")
    await rewrite(office, strange, None, {"channel": "pigeon"})
    assert await catch_up(office) == 2
    assert [await aside(office, r) for r in (garbled, strange, third, fourth)] == ["ValidationError"] * 2 + [None] * 2
    async with office.engine.connect() as db:
        query = select(col(Complaint.reference)).where(col(Complaint.reference).in_([third, fourth]))
        ordered = (await db.execute(query.order_by(col(Complaint.opened_at)))).scalars().all()
        received = select(col(Intake.started_at)).where(col(Intake.reference).in_([third, fourth]))
        times = (await db.execute(received.order_by(col(Intake.number)))).scalars().all()
    assert set(ordered) == {third, fourth} and times == sorted(times)
    assert await catch_up(office) == 0, "what was set aside is not tried again by itself"


async def test_what_was_set_aside_starts_once_it_is_mended_and_tried_again(office: Office) -> None:
    [broken] = await kept(office, 1)
    good = different(received_at=datetime.now(UTC).isoformat())
    await rewrite(office, broken, None, {"channel": "pigeon"})
    await catch_up(office)
    assert await aside(office, broken) == "ValidationError"
    await rewrite(office, broken, None, ComplaintForm.model_validate(good).model_dump(mode="json"))
    assert await intake.set_aside(office.engine, broken, None)
    assert await catch_up(office) == 1
    assert (await office.case(broken))["stage"] != "received"
    assert not await intake.set_aside(office.engine, broken, None), "it has started; there is nothing to try"


async def test_what_cannot_be_started_is_set_aside_after_some_tries_only(office: Office) -> None:
    [silent] = await kept(office, 1)
    for n in range(1, relay.MOST_TRIES + 1):
        found = await intake.not_started(office.engine, [silent], relay.MOST_TRIES, aside=True)
        assert found == ([silent] if n == relay.MOST_TRIES else [])
    assert await aside(office, silent) == "its process could not be started"
    assert await catch_up(office) == 0


async def test_all_begin_in_order_though_nobody_is_at_work_and_none_counts_as_failed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "ANSWER_WITHIN", timedelta(milliseconds=300))
    monkeypatch.setattr(relay, "UNDER_WAY", 2)
    came = await kept(office, 5)
    assert await relay.catch_up(office.engine, office.env.client, "nobody-is-at-work") == 5
    begun = [await office.env.client.get_workflow_handle(reference).describe() for reference in came]
    assert [one.start_time for one in begun] == sorted(one.start_time for one in begun)
    async with office.engine.connect() as db:
        query = select(col(Intake.started_at), col(Intake.tries)).where(col(Intake.reference).in_(came))
        assert all(started and not tries for started, tries in (await db.execute(query)).all())
    for reference in came:
        assert (await office.case(reference))["stage"] == "received", "its kept form answers until it is assigned"
        await office.env.client.get_workflow_handle(reference).terminate("nobody works on it")


async def test_the_order_stands_though_temporal_comes_back_between_two_tries(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    came, tried, begin = await kept(office, 3), list[str](), opening.begin

    async def away_at_first(engine: AsyncEngine, client: Client, task_queue: str, one: intake.Kept) -> bool:
        tried.append(one.reference)
        return len(tried) > 1 and await begin(engine, client, task_queue, one)

    monkeypatch.setattr(opening, "begin", away_at_first)
    assert await catch_up(office) == 3
    assert tried == [came[0], *came]


async def test_three_that_cannot_start_do_not_hold_up_those_behind_them(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    came, begin = await kept(office, 5), opening.begin
    refused = set(came[:3])

    async def but_three(engine: AsyncEngine, client: Client, task_queue: str, one: intake.Kept) -> bool:
        return one.reference not in refused and await begin(engine, client, task_queue, one)

    monkeypatch.setattr(opening, "begin", but_three)
    assert [await catch_up(office) for _ in range(intake.TO_THE_END + 1)] == [0] * intake.TO_THE_END + [2]
    assert await aside(office, came[0]) is None
    came = await kept(office, 1)
    assert await catch_up(office) == 1
    assert {await aside(office, reference) for reference in refused} == {"its process could not be started"}


async def test_a_key_that_cannot_be_opened_here_keeps_no_other_from_starting(
    office: Office, owner_url: str, database_url: str
) -> None:
    locked, good = await kept(office, 2)
    owner = create_async_engine(make_url(owner_url).set(database=make_url(database_url).database))
    spoilt = text("UPDATE vault.data_key SET wrapped = '\\x00'::bytea || substr(wrapped, 2) WHERE subject = :s")
    async with owner.begin() as db:
        await db.execute(spoilt, {"s": locked})
    await owner.dispose()
    keyring_of(office.engine)._kept.clear()
    assert await catch_up(office) == 1
    assert await aside(office, locked) is None, "another server may open it"
    assert (await office.case(good))["stage"] != "received"
    assert await intake.set_aside(office.engine, locked, "the end of the test")


async def test_the_relay_goes_on_whatever_a_look_ran_into(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, again = 0, asyncio.Event()

    async def fails(*_: object) -> int:
        nonlocal looks
        looks += 1
        if looks > 1:
            again.set()
        raise ExceptionGroup("beside", [Unreadable("of one case")])

    monkeypatch.setattr(relay, "catch_up", fails)
    monkeypatch.setattr(relay, "LOOK_EVERY", 0.01)
    task = asyncio.create_task(relay.relay(Parts(office.engine, office.env.client, SECRET, office.queue)))
    async with asyncio.timeout(20):
        await again.wait()
    task.cancel()


async def test_a_web_server_ends_though_a_cancellation_was_lost(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = asyncio.Event()

    async def busy(*_: object) -> int:
        """An update that gives no answer: Temporal's client makes WorkflowUpdateRPCTimeoutOrCancelledError of it."""
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        lost.set()
        return 0

    monkeypatch.setattr(relay, "catch_up", busy)
    app = create_app(Parts(office.engine, office.env.client, SECRET, office.queue))
    async with asyncio.timeout(20):
        async with app.router.lifespan_context(app):
            await asyncio.sleep(0)  # the relay has begun
        assert lost.is_set()
