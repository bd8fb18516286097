"""Register and processes compared on real servers: each difference made on purpose is seen, and mended or named."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from contract import different
from keys import register_at
from office import Office, free_port
from own_office import both, compare, own_office, tamper
from sqlalchemy import text
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError

from activities import comparing, reconciling
from activities.channels import Post
from activities.comparing import CannotCompare
from api import opening
from complaints.case import Opening
from complaints.form import ComplaintForm
from complaints.standing import Kind, Reconciliation
from register import intake
from register import reconciling as kept
from run.reconciling import sides


@pytest.fixture(scope="module")
async def office(owner_url: str, post: Post, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    async with own_office(owner_url, "reconcile", post, tmp_path_factory.mktemp("reconcile")) as here:
        yield here


async def standing(office: Office, reference: str) -> Any:
    return (await kept.standings(office.engine, [reference]))[reference]


def of(found: Reconciliation, reference: str) -> list[Kind]:
    return [d.kind for d in found.differences if d.reference == reference]


async def in_progress(office: Office) -> str:
    """A case somebody works on, whose letters are out."""
    case = await office.open(different())
    reference = str(case["reference"])
    await office.letter_event(reference, "letter_sent")
    await office.act(case["assignment"]["handler"], reference, "acceptance")
    return reference


async def closed(office: Office) -> str:
    """A case that is closed, and can be opened again for a while."""
    case = await office.to_callback(await office.open(different()))
    reference = str(case["reference"])
    async with asyncio.timeout(90):  # the result is on its way
        while (await office.case(reference))["stage"] != "callback":
            continue
    case = await office.act("agent", reference, "callbacks", {"reached": True, "satisfaction": 5})
    assert case["stage"] == "closed"
    await office.letter_event(reference, "letter_sent")
    return reference


async def test_an_untouched_office_has_no_difference(office: Office) -> None:
    await office.open(different())
    await in_progress(office)
    await closed(office)
    await office.ended(await closed(office))
    source = await in_progress(office)
    await tamper(
        office,
        "INSERT INTO complaint SELECT (jsonb_populate_record(c, "
        '\'{"reference": "CMP-2020-900001", "number": 900001, "opened_by": "seed"}\')).* '
        "FROM complaint c WHERE reference = :r",
        r=source,
    )
    found = await compare(office)
    assert (found.differences, found.moving, found.seeded) == ([], 0, 1)
    assert found.compared >= 5
    last = await kept.last(office.engine)
    assert last is not None and last.compared == found.compared


async def test_a_case_is_asked_again_only_when_either_side_has_changed(office: Office) -> None:
    reference = await in_progress(office)
    await compare(office)
    assert (await compare(office)).asked == 0
    await office.act("agent", reference, "notes", {"text": "新情况"})
    assert (await compare(office)).asked == 1
    await tamper(office, "UPDATE complaint SET handler = 'nobody.here' WHERE reference = :r", r=reference)
    found = await compare(office, mend=True)
    assert (found.asked, found.found(), found.left()) == (1, {"holder": 1}, [])
    assert (await compare(office)).asked == 1, "the record that was written again has added to the history"
    assert (await compare(office)).asked == 0


async def test_the_hourly_comparison_leaves_people_their_worker(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        await in_progress(office)
    asked, ask = list[tuple[float, float]](), comparing.ask

    async def watched(here: comparing.Sides, reference: str) -> comparing.Answer:
        began = time.monotonic()
        answer = await ask(here, reference)
        asked.append((began, time.monotonic()))
        return answer

    monkeypatch.setattr(comparing, "ask", watched)
    assert (await compare(office)).asked == len(asked) >= 4
    for (began, answered), (again, _) in pairwise(asked):
        assert again - answered >= min(comparing.REST * (answered - began), comparing.LONGEST_REST)


CHANGES = {
    "stage": (Kind.stage, "UPDATE complaint SET stage = 'awaiting_approval' WHERE reference = :r"),
    "closed": (Kind.closed, "UPDATE complaint SET stage = 'closed', closed_at = now() WHERE reference = :r"),
    "closed long ago": (Kind.closed, "UPDATE complaint SET stage = 'closed', closed_at = '2020-01-01' WHERE reference = :r"),
    "outcome": (Kind.outcome, "UPDATE complaint SET outcome = 'satisfied' WHERE reference = :r"),
    "handler": (Kind.holder, "UPDATE complaint SET handler = 'nobody.here' WHERE reference = :r"),
    "seq": (Kind.number, "UPDATE complaint SET seq = seq - 1 WHERE reference = :r"),
    "an end": (Kind.clocks, "UPDATE slaclock SET due_at = due_at + interval '1 day' WHERE reference = :r AND stopped_at IS NULL"),
    "a clock": (Kind.clocks, "UPDATE slaclock SET stopped_at = now() WHERE reference = :r AND name = 'resolution'"),
    "the case": (Kind.no_record, "UPDATE complaint SET reference = 'x' || reference, number = -number, stage = 'closed', closed_at = '2020-01-01' WHERE reference = :r"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
async def test_a_record_that_differs_is_named_and_written_again(office: Office, change: str) -> None:
    kind, statement = CHANGES[change]
    reference = await in_progress(office)
    before = await standing(office, reference)
    await tamper(office, statement, r=reference)
    named = await compare(office)
    assert kind in of(named, reference), named.differences
    assert {d.reference for d in named.left()} == {reference}
    assert all(d.to_do() for d in named.left())
    mended = await compare(office, mend=True)
    assert mended.found() == named.found() and not mended.left(), mended.differences
    assert await standing(office, reference) == before
    assert (await compare(office)).differences == []
    logged = (await office.read(f"/audit?subject={reference}"))["items"]
    assert kind.value in next(e for e in logged if e["act"] == "reconciled")["change"]


async def test_a_restored_register_gets_its_record_back_and_its_lost_events_are_named(office: Office) -> None:
    reference = await in_progress(office)
    before = await standing(office, reference)
    async with office.engine.begin() as db:
        cut = text("DELETE FROM caseevent WHERE reference = :r AND seq > :s")
        await db.execute(cut, {"r": reference, "s": before.seq - 2})
        back = text("UPDATE complaint SET seq = :s, stage = 'assigned' WHERE reference = :r")
        await db.execute(back, {"r": reference, "s": before.seq - 2})
    found = await compare(office, mend=True)
    assert {d.kind: d.mended for d in found.differences} == {Kind.stage: True, Kind.number: True}
    [left] = (await compare(office)).differences
    assert (left.kind, left.record, left.process) == (Kind.history, str(before.seq - 2), str(before.seq))
    assert "backup" in left.to_do()
    assert [d.kind for d in (await compare(office, mend=True)).left()] == [Kind.history], "nothing is made up"
    await office.handle(reference).terminate("the end of the test")
    await tamper(office, "UPDATE complaint SET erased_at = now() WHERE reference = :r", r=reference)


async def test_a_process_that_was_stopped_or_lost_is_named_and_never_started_anew(office: Office) -> None:
    stopped, lost = await in_progress(office), await in_progress(office)
    await office.handle(stopped).terminate("on purpose")
    await office.handle(lost).terminate("on purpose")
    await gone(office.env.client, lost)
    for mend in (False, True):
        found = await compare(office, mend=mend)
        assert {d.reference: d.kind for d in found.left()} == {stopped: Kind.ended_badly, lost: Kind.no_process}
        assert found.mended() == {}
        said = {d.reference: (d.process, d.to_do()) for d in found.left()}
        assert said[stopped][0] == "terminated" and "cancelled or terminated" in said[stopped][1]
        assert said[lost][0] == "not_found" and "lost altogether" in said[lost][1]
    await tamper(office, "UPDATE complaint SET erased_at = now() WHERE reference IN (:a, :b)", a=stopped, b=lost)
    assert (await compare(office)).differences == []


async def gone(client: Client, reference: str) -> None:
    """Temporal forgets a process, as after a power cut."""
    wanted = DeleteWorkflowExecutionRequest(
        namespace=client.namespace, workflow_execution=WorkflowExecution(workflow_id=reference)
    )
    await client.workflow_service.delete_workflow_execution(wanted)
    async with asyncio.timeout(90):  # it is forgotten when Temporal has time for it
        while True:
            try:
                await client.get_workflow_handle(reference).describe()
            except RPCError:
                return


async def keep(office: Office) -> str:
    """A complaint that was kept ten minutes ago, and not started."""
    form = ComplaintForm.model_validate(different(received_at=datetime.now(UTC).isoformat()))
    one, _ = await opening.keep(office.engine, form, "agent", None)
    old = "UPDATE intake SET recorded_at = now() - interval '10 minutes' WHERE reference = :r"
    await tamper(office, old, r=one.reference)
    return one.reference


async def test_what_was_kept_and_never_started_is_started(office: Office) -> None:
    never, lost, parked = [await keep(office) for _ in range(3)]
    await tamper(office, "UPDATE intake SET started_at = now() - interval '9 minutes' WHERE reference = :r", r=lost)
    await tamper(office, "UPDATE intake SET set_aside = 'ValidationError' WHERE reference = :r", r=parked)
    expected = {never: Kind.not_started, lost: Kind.start_lost, parked: Kind.set_aside}
    assert {d.reference: d.kind for d in (await compare(office)).differences} == expected
    found = await compare(office, mend=True)
    assert {d.reference: d.mended for d in found.differences} == {never: True, lost: True, parked: False}
    assert next(d.to_do() for d in found.left()).endswith(f"`amends retry {parked}`")
    for reference in (never, lost):
        assert (await office.case(reference))["stage"] == "assigned"
    await tamper(office, "UPDATE intake SET set_aside = NULL WHERE reference = :r", r=parked)
    assert (await compare(office, mend=True)).found() == {"not_started": 1}
    assert (await compare(office)).differences == []


async def test_an_old_lost_start_is_seen_by_hand_at_once_and_every_hour_within_the_week(office: Office) -> None:
    await compare(office)
    old = await keep(office)
    await tamper(office, "UPDATE intake SET started_at = now() - interval '3 days' WHERE reference = :r", r=old)
    assert (await compare(office)).differences == []
    sound = await kept.none_lost(office.engine)
    by_hand = await reconciling.reconcile(replace(both(office), who="command line: x"), mend=False)
    assert [(d.reference, d.kind) for d in by_hand.differences] == [(old, Kind.start_lost)]

    await tamper(office, "UPDATE reconcilerun SET at = at - interval '7 days'")
    found = await compare(office)
    assert [(d.reference, d.kind) for d in found.left()] == [(old, Kind.start_lost)], "the first of the week"
    assert (await compare(office)).differences == found.differences, "until it is mended"
    assert sound is not None and await kept.none_lost(office.engine) == sound - timedelta(days=7)
    assert (await compare(office, mend=True)).mended() == {"start_lost": 1}
    assert (await kept.none_lost(office.engine) or sound) > sound
    assert (await office.case(old))["stage"] == "assigned"


def test_a_week_begins_on_monday_in_utc_wherever_the_database_stands() -> None:
    sunday = datetime(2026, 3, 8, 23, 7, tzinfo=UTC)
    there = sunday.astimezone(timezone(timedelta(hours=8)))
    assert reconciling.look_since(there, sunday + timedelta(hours=1)) is None
    assert reconciling.look_since(there, sunday + timedelta(minutes=1)) == sunday - timedelta(days=2)
    assert reconciling.look_since(None, sunday) is None


async def test_a_process_that_gives_no_answer_is_named(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = await keep(office)
    await tamper(office, "UPDATE intake SET started_at = now() WHERE reference = :r", r=reference)
    kept_form = await intake.find(office.engine, reference)
    assert kept_form is not None
    silent = await office.env.client.start_workflow(
        "Complaint",
        Opening(
            reference=reference,
            form=ComplaintForm.model_validate(kept_form.form),
            opened_by="agent",
            recorded_at=kept_form.recorded_at,
        ),
        id=reference,
        task_queue="nobody-asks-for-this",
    )
    monkeypatch.setattr(comparing, "ANSWER_WITHIN", timedelta(seconds=1))
    async with asyncio.timeout(90):  # Temporal's list lags behind
        while not (found := await compare(office, mend=True)).differences:
            continue
    assert [(d.reference, d.kind, d.mended) for d in found.differences] == [(reference, Kind.no_answer, False)]
    await silent.terminate("the end of the test")
    await tamper(office, "UPDATE intake SET started_at = '2100-01-01' WHERE reference = :r", r=reference)


async def test_the_record_of_a_process_that_has_ended_is_written_as_it_left_it(office: Office) -> None:
    reference = await closed(office)
    await office.ended(reference)
    before = await standing(office, reference)
    reopened = "UPDATE complaint SET stage = 'callback', closed_at = NULL, outcome = NULL WHERE reference = :r"
    await tamper(office, reopened, r=reference)
    assert of(await compare(office), reference) == [Kind.closed, Kind.outcome]
    assert (await compare(office, mend=True)).left() == []
    assert await standing(office, reference) == before


async def test_a_letter_its_process_has_ended_goes_out_no_more(office: Office) -> None:
    reference = await in_progress(office)
    state = "UPDATE sending SET state = :s WHERE reference = :r"
    for stuck in ("ready", "handing_over"):
        await tamper(office, state, r=reference, s=stuck)
        assert of(await compare(office), reference) == [Kind.letters]
        assert (await compare(office, mend=True)).left() == []
        assert (await standing(office, reference)).letters == {1: "sent"}
    await tamper(office, state, r=reference, s="failed")
    [left] = (await compare(office, mend=True)).left()
    assert (left.kind, left.record, left.process) == (Kind.letters, "1 failed", "1 sent"), "a person finds out"
    await tamper(office, state, r=reference, s="sent")
    assert (await compare(office)).differences == []


async def test_what_changes_meanwhile_gives_no_false_alarm(office: Office) -> None:
    cases = [await in_progress(office) for _ in range(4)]
    busy = True

    async def work(reference: str) -> int:
        n = 0
        while busy:
            n += 1
            await office.act("agent", reference, "notes", {"text": f"{n}"})
        return n

    async def arrive() -> int:
        n = 0
        while busy:
            n += 1
            await closed(office) if n % 2 else await office.open(different())
        return n

    people = [asyncio.create_task(work(r)) for r in cases] + [asyncio.create_task(arrive()) for _ in range(2)]
    runs = [await compare(office, mend=True) for _ in range(6)]
    busy = False
    acts = await asyncio.gather(*people)
    assert [r.differences for r in runs] == [[]] * 6
    assert min(acts) > 1, "there was work meanwhile"
    last = await compare(office)
    assert (last.differences, last.moving) == ([], 0)


async def test_without_worker_temporal_or_register_it_says_so(office: Office) -> None:
    with pytest.raises(CannotCompare, match="no worker is at work"):
        await reconciling.reconcile(sides(office.engine, office.env.client, "nobody-here"), mend=False)
    away = await Client.connect(f"127.0.0.1:{free_port()}", lazy=True)
    with pytest.raises(CannotCompare, match="Temporal does not answer"):
        await reconciling.reconcile(sides(office.engine, away, office.queue), mend=False)
    nowhere = register_at(f"postgresql+psycopg://x@127.0.0.1:{free_port()}/x")
    with pytest.raises(CannotCompare, match="the register does not answer"):
        await reconciling.reconcile(sides(nowhere, office.env.client, office.queue), mend=False)
    await nowhere.dispose()
