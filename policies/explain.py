"""What the rules make of a complaint received at a moment: every clock with the days it counted, and why."""

from datetime import datetime

from pydantic import BaseModel

from complaints import sla
from complaints.classify import classify
from complaints.clock import zone
from complaints.form import ComplaintForm
from complaints.names import Channel
from complaints.routing import route
from policies.load import calendar, load


class Block(BaseModel):
    """A titled part of an explanation."""

    title: str
    rows: list[list[str]]


def explain(jurisdiction: str, at: datetime, text: str | None = None) -> list[Block]:
    """The explanation; a moment without an offset is taken in the jurisdiction's own zone."""
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone(calendar(jurisdiction).time_zone))
    policy = load(jurisdiction, at.date())
    case_policy = policy.for_case(at.date())
    blocks = [Block(title=f"Rules {policy.version}, received {at.isoformat(timespec='minutes')}", rows=[])]
    for name in case_policy.clocks:
        clock = sla.start(name, at, case_policy)
        rows = [["rule", clock.rule], ["source", clock.source], ["due", clock.due_at.isoformat(timespec="minutes")]]
        rows += [["counted", line] for line in clock.counted]
        rows += [
            [
                str(a.what),
                f"{a.at.isoformat(timespec='minutes')} -> {', '.join(a.tell)}"
                + (f" + letter {a.letter}" if a.letter else ""),
            ]
            for a in clock.alarms
        ]
        if clock.provisional:
            rows.append(["provisional", "a day was counted that the calendar does not know yet"])
        blocks.append(Block(title=name, rows=rows))
    if text:
        blocks += _classified(text, at, jurisdiction)
    return blocks


def _classified(text: str, at: datetime, jurisdiction: str) -> list[Block]:
    policy = load(jurisdiction, at.date())
    form = ComplaintForm(channel=Channel.online, received_at=at, complainant=None, matter=text)
    found, routed = classify(form, policy.classification, policy.version), route(form, policy.routing)
    rows = [
        ["nature", found.nature],
        ["urgency", found.urgency],
        ["kinds", ", ".join(found.kinds)],
        ["severity, difficulty", f"{found.severity}, {found.difficulty}"],
        ["risk", f"{found.risk.likelihood} x {found.risk.impact} = {found.risk.value} ({found.risk.level})"],
        [
            "confidence",
            f"{found.confidence:.2f}"
            + (" (a person confirms)" if found.confidence < policy.classification.confirm_below else ""),
        ],
        ["department", f"{routed.department}: {routed.why}"],
    ]
    rows += [
        [f"because {r.label}", f"{r.rule}: {', '.join([*r.words, *r.facts])} ({r.weight:+.2f})"] for r in found.reasons
    ]
    return [Block(title="Classification and routing (contact data unknown, so anonymous)", rows=rows)]
