"""Erasing a case on real servers: nothing of it can be read anywhere afterwards, and nothing else is touched."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from contract import Json, problem, signed_in
from customer import give_link, look
from keys import MASTER_KEYS, register_at
from office import PLAIN, RESOLUTION, Office
from pydantic import SecretStr
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlmodel import col
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities import erasing
from activities.channels import Post
from activities.erasing import Erasing
from complaints.orders import Erased, RetentionOrder
from policies.retention import retention
from register import erasure
from register.tables import Complaint, LegalHold
from run import proof
from run.erasing import erase, hold
from run.settings import Settings
from vault.box import KeyDestroyed
from workflows.retention import Retention


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return signed_in(office_of_the_file)


@pytest.fixture
def settings(office: Office, database_url: str, post: Post, tmp_path: Path) -> Settings:
    """Those of a command at the keyboard."""
    assert post.print_queue is not None
    return Settings(
        database_url=SecretStr(database_url),
        master_keys=SecretStr(MASTER_KEYS),
        temporal_address=office.env.client.service_client.config.target_host,
        print_queue=post.print_queue.folder,
        data=tmp_path,
    )


def marked() -> tuple[str, Json]:
    """A marker that is nowhere else, and a complaint by letter that is full of it."""
    mark = uuid4().hex[:12]
    person = {
        "name": f"甲{mark}",
        "email": f"{mark}@example.com",
        "address": f"上海市{mark}路1号",
        "phone": "13912345678",
    }
    form = PLAIN | {"channel": "letter", "complainant": person | {"customer_number": mark}}
    return mark, form | {"matter": f"{PLAIN['matter']}{mark}", "demand": mark, "reason": mark}


async def closed(office: Office) -> tuple[str, str]:
    """A marked case at its end; the marker and the reference."""
    mark, form = marked()
    reference = (case := await office.open(form))["reference"]
    await office.to_callback(case, RESOLUTION | {"findings": mark, "reply": mark})
    await office.forward(reference, timedelta(seconds=1))
    answer = {"reached": True, "satisfaction": 5, "nps": 9, "words": mark}
    assert (await office.act("agent", reference, "callbacks", answer))["stage"] == "closed"
    return mark, reference


async def found(office: Office, q: str) -> list[str]:
    page = await office.call("agent", "GET", f"/complaints?q={q}")
    return [row["reference"] for row in page.json()["items"]]


async def test_an_erased_case_is_read_nowhere_and_the_others_are(office: Office, settings: Settings) -> None:
    (mark, reference), (other_mark, other) = [await closed(office) for _ in range(2)]
    token = await give_link(office, reference)
    before = await proof.attempts(office.engine, office.env.client, settings, reference)
    assert {p.name for p in before if p.found and not p.readable} == set(), "all of it can be read before"
    assert await found(office, mark) == [reference]
    assert await found(office, f"{mark}@example.com") == [reference]

    await erase(settings, reference, "客户要求", "command line: tests")

    after = await proof.attempts(office.engine, office.env.client, settings, reference)
    assert all(now.found >= then.found for now, then in zip(after, before, strict=True)), "it is there, and sealed"
    assert [p.name for p in after if p.readable] == []
    assert await found(office, mark) == await found(office, f"{mark}@example.com") == []
    shown = (await office.call("agent", "GET", f"/complaints/{reference}")).json()
    assert (shown["stage"], shown["erased"], shown["possible"]) == ("closed", True, [])
    for part in ("", "/timeline", "/letters", "/duplicates"):
        answer = await office.call("agent", "GET", f"/complaints/{reference}{part}")
        assert answer.status_code in (200, 410) and mark not in answer.text, answer.text
    problem(
        await office.call("supervisor", "POST", f"/complaints/{reference}/reopening", {"reason": "x"}), "wrong_stage"
    )
    assert (await look(office, token)).status_code == 404
    figures = (await office.call("agent", "GET", "/complaints?stage=closed&limit=200")).json()["items"]
    assert {reference, other} <= {row["reference"] for row in figures}, "figures stay"

    assert await found(office, other_mark) == [other]
    assert all(p.readable for p in await proof.attempts(office.engine, office.env.client, settings, other) if p.found)
    with pytest.raises(RuntimeError, match="was erased on"):
        await erase(settings, reference, "again", "x")


async def test_only_closed_cases_that_nobody_holds_are_erased(office: Office, settings: Settings) -> None:
    running = (await office.open())["reference"]
    with pytest.raises(RuntimeError, match=f"{running} is open \\(stage assigned\\)"):
        await erase(settings, running, "x", "x")
    with pytest.raises(RuntimeError, match="there is no such complaint"):
        await erase(settings, "CMP-2026-999999999999", "x", "x")
    mark, reference = await closed(office)
    await hold(settings, reference, f"诉讼 {mark}", "x", release=False)
    with pytest.raises(RuntimeError, match="on legal hold since"):
        await erase(settings, reference, "x", "x")
    assert [h["reason"] for h in await erasure.holds(office.engine) if h["reference"] == reference] == [f"诉讼 {mark}"]
    await hold(settings, reference, "结束", "x", release=True)
    with pytest.raises(RuntimeError, match="is not on hold"):
        await hold(settings, reference, "结束", "x", release=True)
    with pytest.raises(RuntimeError, match="has no key"):
        await hold(settings, "CMP-2026-999999999999", "x", "x", release=False)
    await erase(settings, reference, "x", "x")


async def test_a_hold_set_while_it_is_erased_waits_and_finds_no_key(office: Office) -> None:
    _, reference = await closed(office)
    now = datetime.now(UTC)
    async with asyncio.TaskGroup() as both, office.engine.begin() as db:
        await erasure._erasable(db, reference)
        held = both.create_task(erasure.hold(office.engine, reference, "x", "诉讼", now))
        _, waiting = await asyncio.wait([held], timeout=0.5)
        assert waiting, "it is set only after what was looked at has been done"
    assert reference in {h["reference"] for h in await erasure.holds(office.engine)}
    with pytest.raises(erasure.NotErasable, match="on legal hold"):
        await erasure.erase(office.engine, reference, "x", "x", "x", now)
    await erasure.release(office.engine, reference, "x", "x", now)
    await erasure.erase(office.engine, reference, "x", "x", "x", now)
    with pytest.raises(KeyDestroyed):
        await erasure.hold(office.engine, reference, "x", "诉讼", now)
    async with office.engine.begin() as db:  # as the register of an older version may have it
        await db.execute(update(LegalHold).where(col(LegalHold.reference) == reference).values(released_at=None))
    assert [h["reason"] for h in await erasure.holds(office.engine) if h["reference"] == reference] == [
        {"erased": True}
    ]
    await erasure.release(office.engine, reference, "x", "x", now)


async def test_a_case_whose_key_is_gone_cannot_be_written_to_either(office: Office, settings: Settings) -> None:
    _, reference = await closed(office)
    await erase(settings, reference, "x", "x")
    note = await office.call("agent", "POST", f"/complaints/{reference}/notes", {"text": "x"})
    problem(note, "wrong_stage")


async def aged(office: Office, reference: str, closed_at: datetime) -> None:
    async with office.engine.begin() as db:
        await db.execute(update(Complaint).where(col(Complaint.reference) == reference).values(closed_at=closed_at))


async def test_what_has_been_kept_for_its_time_is_erased_at_night(office: Office, settings: Settings) -> None:
    before = retention().kept_from("cn", datetime.now(UTC))
    assert (datetime.now(UTC) - before).days in (1826, 1827)
    old, held, young, running = [(await closed(office))[1] for _ in range(3)] + [(await office.open())["reference"]]
    for reference, closed_at in ((old, before), (held, before), (running, before), (young, before + timedelta(days=2))):
        await aged(office, reference, closed_at - timedelta(days=1))
    await hold(settings, held, "诉讼", "x", release=False)
    done = await ActivityEnvironment().run(Erasing(office.engine).erase_due, RetentionOrder(jurisdiction="cn"))
    assert (done.count, done.more) == (1, False)
    async with office.engine.connect() as db:
        erased = await db.scalars(select(col(Complaint.reference)).where(col(Complaint.erased_at).is_not(None)))
        assert {old, held, young, running} & set(erased) == {old}
    await aged(office, held, datetime.now(UTC))


async def test_the_night_s_work_is_a_workflow_that_says_how_much_it_did(office: Office) -> None:
    client: Any = office.env.client
    order = RetentionOrder(jurisdiction="cn")
    handle = await client.start_workflow(Retention.run, order, id=f"retention-{uuid4()}", task_queue=office.queue)
    async with asyncio.timeout(30):
        assert (await handle.result()).count == 0


async def test_a_case_that_is_not_closed_is_not_let_go(office: Office) -> None:
    reference = (await office.open())["reference"]
    with pytest.raises(Exception) as refused:
        await office.handle(reference).execute_update("let_go")
    assert isinstance(refused.value.__cause__, ApplicationError) and "it is open" in str(refused.value.__cause__)


async def overdue(office: Office, number: int) -> list[str]:
    """Closed cases whose time is over, the oldest first."""
    over = retention().kept_from("cn", datetime.now(UTC))
    references = [(await closed(office))[1] for _ in range(number)]
    for days, reference in enumerate(reversed(references), 1):
        await aged(office, reference, over - timedelta(days=days))
    return references


async def erased(office: Office, references: list[str]) -> set[str]:
    async with office.engine.connect() as db:
        query = select(col(Complaint.reference)).where(col(Complaint.erased_at).is_not(None))
        return set(await db.scalars(query)) & set(references)


async def test_cases_that_cannot_be_erased_hold_up_no_other_and_the_night_has_failed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison, *others, last = await overdue(office, 4)
    really = erasure.erase

    async def fails(engine: Any, reference: str, *more: Any) -> None:
        if reference in (poison, last):
            raise ValueError("on purpose")
        await really(engine, reference, *more)

    order, client = RetentionOrder(jurisdiction="cn"), office.env.client
    with monkeypatch.context() as broken:
        broken.setattr(erasure, "erase", fails)
        broken.setattr(erasing, "AT_ONCE", 1)  # a whole page of them, and the first one
        handle = await client.start_workflow(Retention.run, order, id=f"retention-{uuid4()}", task_queue=office.queue)
        with pytest.raises(WorkflowFailureError) as failed:
            await asyncio.wait_for(handle.result(), timeout=60)
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.message == "2 of those whose time is over could not be erased", "and not which"
    assert await erased(office, [poison, *others, last]) == set(others)
    done = await ActivityEnvironment().run(Erasing(office.engine).erase_due, order)
    assert (done.count, done.failed, done.after and done.after.reference) == (2, 0, last), "the next night"


async def test_a_register_that_is_away_is_no_fault_of_a_case(office: Office) -> None:
    [reference] = await overdue(office, 1)
    order, url = RetentionOrder(jurisdiction="cn"), office.engine.url
    hasty = register_at(url.update_query_dict({"options": "-c lock_timeout=100"}).render_as_string(hide_password=False))
    async with office.engine.begin() as db:
        await db.execute(select(col(Complaint.seq)).where(col(Complaint.reference) == reference).with_for_update())
        with pytest.raises(OperationalError):  # so that Temporal tries again
            await ActivityEnvironment().run(Erasing(hasty).erase_due, order)
    assert (await ActivityEnvironment().run(Erasing(hasty).erase_due, order)).count == 1
    await hasty.dispose()


def test_orders_and_results_recorded_before_there_were_places_are_read() -> None:
    assert RetentionOrder.model_validate({"jurisdiction": "cn"}).after is None
    assert Erased.model_validate({"count": 3, "more": True}).failed == 0
