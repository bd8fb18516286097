"""A person's digest on a real server: more notices than one run of it may hear, and a mail server that is away."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from browser import newcomer
from given import opened
from office import Office, OpenOffice, free_port
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col
from structlog.testing import capture_logs
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment
from temporalio.worker import Replayer

from activities.channels import Mail, NotTaken, Post
from activities.desk import POKED_AT_ONCE, Desk
from activities.digests import Digests
from complaints.case import Case
from complaints.orders import Person, Record
from register import outbox, read, write
from register.tables import Digest, StaffNotice
from run import sink
from run.stack import temporal_binary
from run.worker import SANDBOX
from vault.codec import data_converter
from workflows.digest import StaffDigest
from workflows.waking import poke

HEARD = 160
"""More than a run of the tests' server hears before it is told to go on in a new one (conftest.SHORT_RUNS)."""


async def tell(engine: AsyncEngine, person: str, *numbers: int) -> None:
    notice = partial(StaffNotice, reference="CMP-2026-000044", username=person, kind="assigned", data={})
    await outbox.tell(engine, [notice(seq=number, at=datetime.now(UTC)) for number in numbers])


async def digests(engine: AsyncEngine, person: str) -> list[tuple[int, str, bool]]:
    """Of each, how many notices, whether its mail went out, whether it is done."""
    found = await read.rows(engine, read.all_of(outbox.t.Digest).where(col(Digest.username) == person))
    found.sort(key=lambda row: row["made_at"])
    return [(row["notices"], row["mail"], row["done_at"] is not None) for row in found]


async def test_a_run_that_has_heard_much_goes_on_in_a_new_one_that_finds_what_was_not_signalled(
    office_on: OpenOffice,
) -> None:
    async with office_on(datetime(2026, 3, 10, 10)) as office:
        person, wake = await newcomer(office), poke(office.env.client, office.queue)
        await tell(office.engine, person, 1)
        for _ in range(HEARD):
            await wake(person)
        digest = office.env.client.get_workflow_handle(f"digest-{person}")
        first = (await digest.describe()).run_id
        await office.env.fast_forward(digest, timedelta(seconds=30))
        ended = office.env.client.get_workflow_handle(digest.id, run_id=first)
        assert (await ended.describe()).status is WorkflowExecutionStatus.CONTINUED_AS_NEW
        replayer = Replayer(
            workflows=[StaffDigest], data_converter=office.env.client.data_converter, workflow_runner=SANDBOX
        )
        await replayer.replay_workflow(await ended.fetch_history())
        assert await digests(office.engine, person) == [(1, "sent", True)]
        await tell(office.engine, person, 2)  # its signal is refused
        await office.env.fast_forward(digest, timedelta(minutes=1))
        assert (await digest.describe()).status is WorkflowExecutionStatus.COMPLETED
        assert await digests(office.engine, person) == [(1, "sent", True)] * 2


async def test_a_digest_that_cannot_go_out_for_long_is_begun_again_and_goes_out_once(
    office_on: OpenOffice, register: AsyncEngine, mailbox: sink.Mailbox
) -> None:
    port = free_port()
    away = Post(mail=Mail(host="127.0.0.1", port=port, sender="complaints@bank.example", tls="none"))
    async with office_on(datetime(2026, 3, 10, 10), away) as office:
        person = await newcomer(office, email="patient.digest@staff.demo.example")
        await tell(register, person, 1, 2)
        await poke(office.env.client, office.queue)(person)
        digest = office.env.client.get_workflow_handle(f"digest-{person}")
        await office.env.fast_forward(digest, timedelta(minutes=25))
        events = [event.event_type async for event in digest.fetch_history_events()]
        assert events.count(EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED) >= 2
        assert (await digest.describe()).status is WorkflowExecutionStatus.RUNNING
        assert await digests(register, person) == [(2, "ready", False)]
        controller = sink.smtp(mailbox, port)
        controller.start()
        try:
            await office.env.fast_forward(digest, timedelta(minutes=5))
        finally:
            controller.stop()
        assert await digests(register, person) == [(2, "sent", True)]
        assert sum(m["to"] == "patient.digest@staff.demo.example" for m in mailbox.messages()) == 1


async def test_what_is_too_much_for_one_message_goes_out_in_several(
    office_of_the_file: Office, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, engine = await newcomer(office_of_the_file), office_of_the_file.engine
    monkeypatch.setattr(outbox, "waiting_notices", partial(outbox.waiting_notices, limit=2))
    await tell(engine, person, 1, 2, 3)
    done = await ActivityEnvironment().run(Digests(engine, post).send_digest, Person(username=person))
    assert done.notices == 3
    assert await digests(engine, person) == [(2, "sent", True), (1, "sent", True)]


async def test_what_is_recorded_again_because_a_poke_failed_is_counted_once(
    register: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []
    counted: list[Case] = []

    async def fails_at_first(username: str) -> None:
        tries.append(username)
        if len(tries) == 1:
            raise RuntimeError("Temporal is away")

    async def recorded(*_: Any) -> list[str]:
        return ["supervisor"]

    monkeypatch.setattr(write, "record", recorded)
    monkeypatch.setattr("activities.desk.count", lambda case, events: counted.append(case))
    record = Desk(register, fails_at_first).record
    with pytest.raises(RuntimeError, match="away"):
        await ActivityEnvironment().run(record, Record(case=opened(), events=[]))
    await ActivityEnvironment().run(record, Record(case=opened(), events=[]))
    assert (len(tries), len(counted)) == (2, 1)


def told_to(monkeypatch: pytest.MonkeyPatch, people: list[str]) -> None:
    async def recorded(*_: Any) -> list[str]:
        return people

    monkeypatch.setattr(write, "record", recorded)


async def test_many_are_poked_some_at_once_and_one_that_fails_holds_up_no_other(
    register: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [f"person.{number}" for number in range(100)]
    told_to(monkeypatch, people)
    heard: list[str] = []
    under_way, most, broken = 0, 0, True

    async def wake(username: str) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        if broken and username == "person.3":
            raise RuntimeError("Temporal is away")
        heard.append(username)

    desk, record = Desk(register, wake), Record(case=opened(), events=[])
    with pytest.raises(RuntimeError, match="away"):
        await ActivityEnvironment().run(desk.record, record)
    assert sorted(heard) == sorted(set(people) - {"person.3"})
    assert most == POKED_AT_ONCE
    broken = False
    await ActivityEnvironment().run(desk.record, record)
    assert sorted(heard) == sorted(people), "who was poked is not poked again"
    assert desk.poked == {}
    await ActivityEnvironment().run(desk.record, record)
    assert len(heard) == 2 * len(people), "what is recorded anew is told anew"


async def test_an_attempt_that_runs_out_of_time_is_gone_on_with_by_the_next(
    register: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [f"person.{number}" for number in range(60)]
    told_to(monkeypatch, people)
    heard: list[str] = []
    half, go_on = asyncio.Event(), asyncio.Event()

    async def wake(username: str) -> None:
        if len(heard) == len(people) / 2:
            half.set()
            await go_on.wait()
        heard.append(username)

    desk, record = Desk(register, wake), Record(case=opened(), events=[])
    attempt = asyncio.create_task(ActivityEnvironment().run(desk.record, record))
    await half.wait()
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    go_on.set()
    await ActivityEnvironment().run(desk.record, record)
    assert sorted(heard) == sorted(people)


@pytest.fixture
async def strict(register: AsyncEngine) -> AsyncIterator[Client]:
    """Of a server where a run takes six signals."""
    async with await WorkflowEnvironment.start_local(
        data_converter=data_converter(register, "default"),
        dev_server_existing_path=temporal_binary(),
        dev_server_extra_args=["--dynamic-config-value", "history.maximumSignalsPerExecution=6"],
        dev_server_log_level="never",
    ) as server:
        yield server.client


async def test_a_wake_up_that_a_full_run_does_not_take_is_logged_and_no_failure(strict: Client) -> None:
    wake = poke(strict, "nobody")
    with capture_logs() as logs:
        for _ in range(8):
            await wake("supervisor")
    assert [line["event"] for line in logs] == ["digest.takes_no_more_signals"] * 2


async def test_a_wake_up_that_fails_for_temporal_is_away_is_a_failure() -> None:
    nowhere = await Client.connect("127.0.0.1:1", lazy=True, data_converter=pydantic_data_converter)
    with pytest.raises((RPCError, RuntimeError)):
        await poke(nowhere, "nobody")("supervisor")


class Peer:
    """A mail server or a chat, as both are asked: takes what it is given, or is away."""

    def __init__(self, away: bool) -> None:
        self.away, self.asked = away, 0

    async def deliver(self, message: Any, handing_over: Any) -> None:
        self.asked += 1
        if self.away:
            raise NotTaken("ConnectError")
        await handing_over()

    async def send(self, text: str, username: str, key: str, handing_over: Any) -> None:
        await self.deliver(None, handing_over)


@pytest.mark.parametrize("away", ["mail", "webhook"])
async def test_a_way_that_is_away_holds_up_neither_the_other_nor_what_comes_later(
    office_of_the_file: Office, away: str
) -> None:
    person, engine = await newcomer(office_of_the_file), office_of_the_file.engine
    mail, chat = Peer(away == "mail"), Peer(away == "webhook")
    ways: Any = SimpleNamespace(mail=mail, webhook=chat)
    dead, other = (mail, chat) if away == "mail" else (chat, mail)
    send = partial(ActivityEnvironment().run, Digests(engine, ways).send_digest, Person(username=person))
    for number in (1, 2):
        await tell(engine, person, number)
        with pytest.raises(ApplicationError, match=f"{away}: ConnectError"):
            await send()
    assert (other.asked, dead.asked) == (2, 2), "what is away is asked once in an attempt"
    dead.away = False
    await send()
    assert (other.asked, dead.asked) == (2, 4)
    assert await digests(engine, person) == [(1, "sent", True)] * 2


async def test_what_a_way_has_not_taken_in_a_day_is_given_up_there(office_of_the_file: Office) -> None:
    person, engine = await newcomer(office_of_the_file), office_of_the_file.engine
    ways: Any = SimpleNamespace(mail=Peer(False), webhook=Peer(True))
    send = partial(ActivityEnvironment().run, Digests(engine, ways).send_digest, Person(username=person))
    await tell(engine, person, 1)
    with pytest.raises(ApplicationError):
        await send()
    async with engine.begin() as db:
        old = update(Digest).where(col(Digest.username) == person)
        await db.execute(old.values(made_at=datetime.now(UTC) - timedelta(hours=25)))
    with capture_logs() as logs:
        await send()
    [row] = await read.rows(engine, read.all_of(outbox.t.Digest).where(col(Digest.username) == person))
    assert (row["mail"], row["webhook"], row["done_at"] is not None) == ("sent", "failed", True)
    assert [(line["way"], line["outcome"]) for line in logs if line["event"] == "digest.not_sent"] == [
        ("webhook", "failed")
    ]
