"""Cases that live long or come in crowds: what they cost, and that nothing is lost on the way."""

import asyncio
import os
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from contract import different
from moves import ANSWER, ASK, LATER, OUTAGE, SKIPPING_EVENTS, duty
from office import PLAIN, RESOLUTION, Office, OpenOffice

from complaints.detours import merging
from complaints.turns import News

CROWD = int(os.environ.get("AMENDS_CROWD", "12"))
"""Complaints of one event; `make storm` asks for 200."""


async def runs(office: Office, reference: str) -> list[tuple[int, int]]:
    """Events and bytes of each run of a case's process, the oldest first; the skipping clock's own events left out."""
    found = []
    async for run in office.env.client.list_workflows(f"WorkflowId = '{reference}'"):
        history = await office.env.client.get_workflow_handle(reference, run_id=run.run_id).fetch_history()
        own = [e for e in history.events if e.event_type not in SKIPPING_EVENTS]
        found.append((len(own), sum(len(e.SerializeToString()) for e in own)))
    return found[::-1]


async def approve(office: Office, case: dict[str, Any], by: str = "supervisor") -> None:
    path = f"/approvals/{case['approvals'][-1]['id']}/decision"
    await office.post(by, path, {"decision": "approve", "reason": "同意"})


async def test_a_year_of_everything(office: Office) -> None:
    """Ten pauses, three extensions, a plan of five duties, two second rounds, a year open: across many runs."""
    case = await office.open()
    reference = case["reference"]
    await office.act("agent", reference, "classification", {"kinds": ["cross_department"], "reason": "多部门"})
    handler = case["assignment"]["handler"]
    await office.act(handler, reference, "acceptance")
    departments = ["legal", "it_channels", "risk_management", "loans_mortgage", "branch_operations"]
    await office.act(handler, reference, "plan", {"duties": [duty(d, 3) for d in departments]})
    for number, department in enumerate(departments, start=1):
        await office.act(f"handler.{department}", reference, f"duties/{number}/answer", {"answer": "已核查"})
    for _ in range(10):
        await office.act(handler, reference, "pause", ASK)
        await office.forward(reference, timedelta(days=12))
        await office.act(handler, reference, "resume", {"reason": "客户已补充"})
    for amount in (3, 3, 4):
        await approve(office, await office.act(handler, reference, "extension", LATER | {"amount": amount}))
        await office.forward(reference, timedelta(seconds=1))
    key = {"Idempotency-Key": str(uuid4())}
    first = await office.call(handler, "POST", f"/complaints/{reference}/resolution", RESOLUTION, **key)
    again = await office.call(handler, "POST", f"/complaints/{reference}/resolution", RESOLUTION, **key)
    assert (first.status_code, again.status_code) == (200, 200)
    for level in ("supervisor", "manager"):
        await office.forward(reference, timedelta(seconds=1))
        case = await office.act("agent", reference, "callbacks", {"reached": True, "satisfaction": 1})
        handler = case["assignment"]["handler"]
        await office.act(handler, reference, "acceptance")
        await approve(office, await office.act(handler, reference, "resolution", RESOLUTION), level)
    await office.forward(reference, office.real(datetime(2027, 3, 10)))
    # A request of the first run is known in the last one, and a burst of acts in flight crosses none of the seams.
    repeated = await office.call(handler, "POST", f"/complaints/{reference}/resolution", RESOLUTION, **key)
    assert repeated.status_code in (200, 409) and len((await office.case(reference))["resolutions"]) == 3
    notes = [office.act("agent", reference, "notes", {"text": f"备注{n}"}) for n in range(40)]
    for n in range(0, 40, 8):
        await asyncio.gather(*notes[n : n + 8])
    case, events = await office.case(reference), await office.events(reference)
    assert sorted(n["text"] for n in case["notes"]) == sorted(f"备注{n}" for n in range(40))
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    assert len(case["pauses"]) == 10 and [e["state"] for e in case["extensions"]] == ["in_force"] * 3
    assert case["round"] == 3 and len(case["resolutions"]) == 3
    found = await runs(office, reference)
    assert len(found) > 1, "the test server asks for a new run at 150 events"
    print(f"{sum(e for e, _ in found)} events, {sum(b for _, b in found)} bytes in {len(found)} runs: {found}")
    assert sum(e for e, _ in found) < 4096, "without the test's short runs it would have been one"


async def test_a_crowd_of_complaints_of_one_event(office_on: OpenOffice) -> None:
    """One incident, one approval of the public answer, as many answers as complaints."""
    async with office_on(datetime(2026, 3, 10, 10), mass=True) as office:
        lead = await office.open(OUTAGE | {"matter": f"{OUTAGE['matter']} 事件编号{uuid4().hex[:6]}"})
        reference, incident = lead["reference"], lead["incident"]["id"]
        gate = asyncio.Semaphore(8)

        async def one(number: int) -> str:
            person = {"name": f"客户{number}", "email": f"crowd{number}@example.com"}
            form = PLAIN | {"matter": lead["matter"], "product": "mobile_banking", "amount": None, "demand": "恢复"}
            async with gate:
                return str((await office.open(form, complainant=person))["reference"])

        began = asyncio.get_running_loop().time()
        members = await asyncio.gather(*(one(n) for n in range(CROWD - 1)))
        opened = asyncio.get_running_loop().time() - began
        await office.post("manager", f"/incidents/{incident}/acknowledgement", {})
        await approve(office, await office.post("manager", f"/incidents/{incident}/answer", ANSWER), "head.office")

        async def answered(ref: str) -> dict[str, Any]:
            """Follow the case's history until its result is out."""
            async for event in office.handle(ref).fetch_history_events(wait_new_event=True):
                if event.HasField("marker_recorded_event_attributes"):
                    async with gate:
                        case = await office.case(ref)
                    if case["stage"] == "callback":
                        return case
            raise AssertionError(f"{ref} has ended")

        cases = await asyncio.gather(*(answered(ref) for ref in [reference, *members]))
        took = asyncio.get_running_loop().time() - began
        assert {c["stage"] for c in cases} == {"callback"}
        assert {c["resolutions"][-1]["reply"] for c in cases} == {ANSWER["reply"]}
        letters = [le for ref in [reference, *members] for le in await office.letters(ref) if le["kind"] == "result"]
        assert len(letters) == CROWD and {le["state"] for le in letters} == {"sent"}
        shown = (await office.call("manager", "GET", f"/incidents/{incident}")).json()
        assert sorted(shown["members"]) == sorted(members)
        print(
            f"{CROWD} opened in {opened:.1f} s, all answered after {took:.1f} s; lead: {await runs(office, reference)}"
        )


async def test_a_case_that_is_being_merged_waits_for_the_end_of_it_in_the_same_run(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = different()
    older, case = [str((await office.open(form))["reference"]) for _ in range(2)]
    await office.letter_event(case, "letter_sent")
    monkeypatch.setattr(merging, "_take_up", lambda *_: None)  # the other process is slow to answer
    body = {"reference": older, "how": "merged", "reason": "x"}
    link = asyncio.create_task(office.call("agent", "POST", f"/complaints/{case}/links", body))
    for number in range(45):
        await office.act("agent", case, "notes", {"text": f"{number}"})
    await link
    await office.handle(case).signal("hear", News(kind="merge_taken", reference=older, by="agent"))
    async with asyncio.timeout(20):
        assert await office.ended(case) == "merged"
