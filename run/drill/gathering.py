"""Reads what came of a play from the register, every time turned into the script's own."""

from datetime import datetime
from typing import Any

from run.drill.judge import Happened
from run.drill.play import Held, Play
from run.drill.wallclock import WallClock

Json = dict[str, Any]
TIMES = ("started_at", "due_at", "warned_at", "stopped_at")


async def gather(play: Play) -> list[Happened]:
    """One for each complaint that was opened."""
    return [await _one(play, held) for held in play.held.values()]


async def _one(play: Play, held: Held) -> Happened:
    office, drill = held.office, play.drill
    wall = WallClock(office.calendar, drill.script.begin, drill.until, drill.source)
    case = await office.case(held.reference)
    for step in play.steps:
        if step.on == held.label:
            step.detail = wall.spell(step.detail)
    return Happened(
        label=held.label,
        reference=held.reference,
        case=wall.spell({k: v for k, v in case.items() if k != "clocks"}),
        clocks=[_clock(clock, wall, play.now) for clock in case["clocks"]],
        events=[_event(event, wall) for event in await office.events(held.reference)],
        letters=[_letter(letter, wall) for letter in await office.letters(held.reference)],
        notices=await office.notices(held.reference),
    )


def _timed(record: Json, wall: WallClock, *names: str) -> Json:
    return record | {name: wall.at(record[name]) for name in names if record.get(name)}


def _event(event: Json, wall: WallClock) -> Json:
    return _timed(event, wall, "at") | {"data": wall.spell(event["data"])}


def _clock(clock: Json, wall: WallClock, now: datetime) -> Json:
    found = _timed(clock, wall, *TIMES)
    # The API measures a running clock's lateness by its own machine's time, which is not the drill's.
    late = (found["stopped_at"] or now) - found["due_at"]
    return found | {
        "lateness_seconds": max(int(late.total_seconds()), 0),
        "counted": [wall.counted(line) for line in clock["counted"]],
    }


def _letter(letter: Json, wall: WallClock) -> Json:
    kept = ("number", "kind", "way", "language", "state", "recipient", "error", "ordered_at")
    found = _timed({k: letter[k] for k in kept}, wall, "ordered_at")
    return found | {"subject": wall.letter(letter["subject"]), "body": wall.letter(letter["body"])}
