"""The whole process on real servers with a skipping clock: what happens, in what order, and exactly when."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from moves import SKIPPING_EVENTS
from office import MAJOR, RESOLUTION, Office, OpenOffice
from views import clock, kinds

OVERSHOOT = timedelta(seconds=3)
"""Temporal's skipping clock lands up to about a second behind its target."""


def at(office: Office, moment: str, what: str, *told: str) -> tuple[datetime, str, tuple[str, ...]]:
    return office.real(datetime.fromisoformat(moment)), what, told


def alarms(events: list[dict[str, Any]], name: str) -> list[tuple[datetime, str, tuple[str, ...]]]:
    return [
        (datetime.fromisoformat(e["at"]), e["kind"], tuple(e["data"]["told"]))
        for e in events
        if e["data"].get("clock") == name
    ]


def same_times(found: list[Any], expected: list[Any]) -> None:
    assert [f[1:] for f in found] == [e[1:] for e in expected], found
    for (when, *_), (due, *_) in zip(found, expected, strict=True):
        assert timedelta(0) <= when - due <= OVERSHOOT, (when, due)


async def test_a_plain_complaint_from_opening_to_closing(office: Office) -> None:
    case = await office.open()
    reference = case["reference"]
    assert case["stage"] == "assigned"
    assert case["assignment"]["department"] == "card_centre"
    assert clock(case, "registration")["state"] == "met"
    assert office.borrowed(clock(case, "resolution")["due_at"]) == datetime(2026, 3, 17, 17, 30)

    handler = case["assignment"]["handler"]
    case = await office.act(handler, reference, "acceptance")
    assert case["stage"] == "in_progress"
    case = await office.act(handler, reference, "resolution", RESOLUTION)
    assert case["stage"] in ("feedback", "callback")
    await office.forward(reference, timedelta(seconds=1))  # the clock waits for the letters to be out
    case = await office.case(reference)
    assert case["stage"] == "callback"
    assert clock(case, "resolution")["state"] == "met"
    case = await office.act("agent", reference, "callbacks", {"reached": True, "satisfaction": 5, "nps": 9})
    assert (case["stage"], case["outcome"]) == ("closed", "satisfied")
    assert await office.ended(reference) == "satisfied"

    told = kinds(await office.events(reference))
    assert told.count("letter_sent") == 3  # they go out beside the procedure
    assert [k for k in told if k != "letter_sent"] == [
        "received", "classified", "assigned", "registered", "accepted", "resolved", "result_ready", "result_told",
        "callback_due", "called_back", "closed",
    ]  # fmt: skip
    letters = await office.letters(reference)
    assert [(x["kind"], x["way"], x["state"]) for x in letters] == [
        ("acknowledgement", "email", "sent"),
        ("result", "email", "sent"),
        ("satisfaction_request", "email", "sent"),
    ]
    assert {c["state"] for c in (await office.case(reference))["clocks"]} == {"met"}
    shown = {pair.key.name: pair.value for pair in (await office.handle(reference).describe()).typed_search_attributes}
    assert (shown["AmendsStage"], shown["AmendsBreached"]) == ("closed", False)
    assert "AmendsDueAt" not in shown, "nothing is due any more"

    history = await office.handle(reference).fetch_history()
    own = [e for e in history.events if e.event_type not in SKIPPING_EVENTS]
    size = sum(len(e.SerializeToString()) for e in own)
    print(f"plain complaint: {len(own)} events, {size} bytes")
    assert len(own) <= 70
    assert size <= 40 * 1024


async def test_left_alone_over_spring_festival_and_a_make_up_saturday(office_on: OpenOffice) -> None:
    async with office_on(datetime(2026, 2, 13, 10)) as office:  # Friday; off from the 15th to the 23rd
        reference = (await office.open())["reference"]
        await office.forward(reference, office.real(datetime(2026, 3, 12)))
        case, events = await office.case(reference), await office.events(reference)
        assert office.borrowed(clock(case, "resolution")["due_at"]) == datetime(2026, 2, 27, 17, 30)
        same_times(
            alarms(events, "resolution"),
            [
                at(office, "2026-02-25T17:30", "reminded", "handler"),
                at(office, "2026-02-26T17:30", "reminded", "handler", "supervisor"),
                at(office, "2026-02-27T17:30", "breached", "supervisor"),
                at(office, "2026-02-28T17:30", "escalated", "manager"),  # a make-up Saturday
                at(office, "2026-03-03T17:30", "escalated", "head_office"),
            ],
        )
        letters = [x["kind"] for x in await office.letters(reference)]
        assert letters == ["acknowledgement", "progress", "apology"]

        # Acting late stops the clock; it never erases the breach.
        await office.to_callback(case)
        await office.forward(reference, timedelta(seconds=1))
        late = clock(await office.case(reference), "resolution")
        assert late["state"] == "breached"
        due, stopped = (datetime.fromisoformat(late[k]) for k in ("due_at", "stopped_at"))
        assert late["lateness_seconds"] == int((stopped - due).total_seconds()) > 12 * 86400
        await office.act("agent", reference, "callbacks", {"reached": True, "satisfaction": 4})


async def test_a_major_complaint_on_saturday_night_climbs_at_two_hours(office_on: OpenOffice) -> None:
    async with office_on(datetime(2026, 3, 14, 22)) as office:
        case = await office.open(MAJOR)
        reference, received = case["reference"], datetime.fromisoformat(case["received_at"])
        assert "major" in case["classification"]["kinds"]
        incident = case["incident"]["id"]
        listed = await office.call("manager", "GET", "/incidents")
        assert incident in [i["id"] for i in listed.json()["items"]]

        await office.forward(reference, timedelta(hours=3, minutes=30))
        minutes = timedelta(minutes=1)
        same_times(
            alarms(await office.events(reference), "major_response"),
            [
                (received + 60 * minutes, "reminded", ("manager",)),
                (received + 90 * minutes, "reminded", ("manager",)),
                (received + 120 * minutes, "breached", ("head_office",)),
                (received + 180 * minutes, "escalated", ("head_office",)),
            ],
        )
        await office.post("supervisor", f"/incidents/{incident}/acknowledgement", expect=403)
        await office.post("manager", f"/incidents/{incident}/log", {"text": "先行联系客户"}, expect=409)
        case = await office.post("head.office", f"/incidents/{incident}/acknowledgement", {"leader": "总行值班行长"})
        assert case["incident"]["leader"] == "总行值班行长"
        assert case["incident"]["acknowledged_by"] == "head.office"
        response = clock(case, "major_response")
        assert response["state"] == "breached" and response["stopped_at"]
        assert clock(case, "resolution")["state"] == "running"  # R5.4: the five-day clock keeps running
        await office.post("manager", f"/incidents/{incident}/log", {"text": "先行联系客户", "kind": "contact"})
        case = await office.post("manager", f"/incidents/{incident}/report", {"text": "已处置完毕"})
        assert case["incident"]["report"]["text"] == "已处置完毕"
        await office.act("agent", reference, "withdrawal", {"reason": "结束测试"})


async def test_a_major_acknowledged_in_time_is_met(office: Office) -> None:
    case = await office.open(MAJOR)
    await office.forward(case["reference"], timedelta(minutes=70))
    case = await office.post("manager", f"/incidents/{case['incident']['id']}/acknowledgement")
    assert clock(case, "major_response")["state"] == "met"
    assert case["incident"]["leader"] == "manager"


async def test_an_approval_is_rejected_resubmitted_and_approved(office: Office) -> None:
    case = await office.open()
    reference, handler = case["reference"], case["assignment"]["handler"]
    await office.act(handler, reference, "acceptance")
    costly = RESOLUTION | {"redress": {"kind": "compensation", "amount": {"value": "800.00", "currency": "CNY"}}}
    case = await office.act(handler, reference, "resolution", costly)
    assert case["stage"] == "awaiting_approval"
    approval = case["approvals"][-1]
    assert approval["needs"] == "supervisor" and "800" in approval["why"][0]
    queue = (await office.call("supervisor", "GET", "/approvals")).json()["items"]
    assert approval["id"] in [a["id"] for a in queue]

    wrong = await office.act(handler, reference, "resolution", costly, expect=409)
    assert wrong["stage"] == "awaiting_approval" and "decision" in wrong["possible"]
    await office.post(
        handler, f"/approvals/{approval['id']}/decision", {"decision": "approve", "reason": "-"}, expect=403
    )
    case = await office.post(
        "supervisor", f"/approvals/{approval['id']}/decision", {"decision": "reject", "reason": "补充证据"}
    )
    assert case["stage"] == "in_progress"
    again = await office.post(
        "supervisor", f"/approvals/{approval['id']}/decision", {"decision": "approve", "reason": "x"}, expect=409
    )
    assert "already decided" in again["detail"]

    case = await office.act(handler, reference, "resolution", costly)
    second = case["approvals"][-1]["id"]
    assert second != approval["id"]
    await office.post("supervisor", f"/approvals/{second}/decision", {"decision": "approve", "reason": "同意"})
    await office.forward(reference, timedelta(seconds=1))
    case = await office.case(reference)
    assert case["stage"] == "callback"
    assert [a["decision"] for a in case["approvals"]] == ["reject", "approve"]


async def test_an_approval_nobody_gives_climbs_to_the_next_level(office: Office) -> None:
    case = await office.open()
    reference, handler = case["reference"], case["assignment"]["handler"]
    await office.act(handler, reference, "acceptance")
    costly = RESOLUTION | {"redress": {"kind": "compensation", "amount": {"value": "9000.00", "currency": "CNY"}}}
    case = await office.act(handler, reference, "resolution", costly)
    await office.forward(reference, timedelta(hours=6))  # four working hours from about ten
    case = await office.case(reference)
    assert (case["approvals"][-1]["needs"], case["approvals"][-1]["asked"]) == ("supervisor", "manager")
    assert clock(case, "approval_1")["state"] == "breached"
    case = await office.post(
        "manager", f"/approvals/{case['approvals'][-1]['id']}/decision", {"decision": "approve", "reason": "同意"}
    )
    assert clock(case, "approval_1")["state"] == "breached"


@pytest.mark.parametrize(
    ("value", "currency", "approver", "too_low"),
    [
        ("20000.00", "CNY", "manager", "supervisor"),
        ("300000.00", "CNY", "head.office", "manager"),
        ("1.00", "JPY", "head.office", "manager"),  # no limit named for that currency
    ],
)
async def test_redress_needs_the_level_its_amount_asks_for(
    office: Office, value: str, currency: str, approver: str, too_low: str
) -> None:
    case = await office.open()
    reference, handler = case["reference"], case["assignment"]["handler"]
    await office.act(handler, reference, "acceptance")
    money = {"kind": "compensation", "amount": {"value": value, "currency": currency}}
    case = await office.act(handler, reference, "resolution", RESOLUTION | {"redress": money})
    path = f"/approvals/{case['approvals'][-1]['id']}/decision"
    refused = await office.post(too_low, path, {"decision": "approve", "reason": "x"}, expect=403)
    assert "needs" in refused["detail"]
    await office.post(approver, path, {"decision": "approve", "reason": "同意"})


async def test_every_violation_and_every_major_case_needs_approval(office: Office) -> None:
    case = await office.open()
    reference, handler = case["reference"], case["assignment"]["handler"]
    body = {"nature": "violation", "kinds": ["major"], "severity": 3, "likelihood": 3, "reason": "核实为违规销售"}
    case = await office.act("supervisor", reference, "classification", body)
    assert case["corrections"][0]["before"]["nature"] != "violation"
    assert case["classification"]["risk"] == {"likelihood": 3, "impact": 3, "value": 9, "level": "very_high"}
    assert case["incident"] is not None
    await office.act(handler, reference, "acceptance")
    plain = RESOLUTION | {"redress": {"kind": "apology"}}
    case = await office.act(handler, reference, "resolution", plain)
    assert case["stage"] == "awaiting_approval"
    assert case["approvals"][-1]["needs"] == "manager"
    assert len(case["approvals"][-1]["why"]) == 2
