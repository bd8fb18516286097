"""Drill scripts as people write them: times, faults with place and mend, the table of moves, dates turned back."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from policies.load import calendar
from run.drill import moves
from run.drill.borrowing import Borrowed, borrow, zone_name
from run.drill.load import SHIPPED, ScriptFault, load, shipped
from run.drill.script import BUILT_IN
from run.drill.times import BadTime, parse
from run.drill.wallclock import WallClock

ORDINARY = (SHIPPED / "ordinary.yaml").read_text()
EVE = datetime(2026, 9, 30, 22, 10)  # a Wednesday; off from 1 to 7 October, Saturday the 10th is worked


@pytest.mark.parametrize(
    ("said", "start", "when"),
    [
        ("+0", EVE, "2026-09-30 22:10"),
        ("+90 minutes", EVE, "2026-09-30 23:40"),
        ("+1 hour", EVE, "2026-09-30 23:10"),
        ("+2 hours", EVE, "2026-10-01 00:10"),
        ("+4 working hours", EVE, "2026-10-08 13:00"),
        ("+1 working day 09:30", EVE, "2026-10-08 09:30"),
        ("+3 working days", EVE, "2026-10-10 22:10"),
        ("+5 working days 17:30", EVE, "2026-10-13 17:30"),
        ("next working day 9:05", EVE, "2026-10-08 09:05"),
        ("same day 23:00", EVE, "2026-09-30 23:00"),
        ("+3 days", EVE, "2026-10-03 22:10"),
        ("+1 day 08:00", EVE, "2026-10-01 08:00"),
        ("2026-10-09 10:00", EVE, "2026-10-09 10:00"),
        ("+2  hours   after  begin", EVE, "2026-10-01 00:10"),
    ],
)
def test_a_time_is_read_and_counted(said: str, start: datetime, when: str) -> None:
    assert f"{parse(said).count(start, calendar('cn')):%Y-%m-%d %H:%M}" == when


def test_a_time_may_count_from_a_name() -> None:
    assert parse("+2 hours after receipt").anchor == "receipt"
    assert parse("same day 15:00").anchor is None


@pytest.mark.parametrize(
    "said", ["", "tomorrow", "+2", "2 hours", "+2 fortnights", "+1 hour 09:30", "+1 working day 25:00", "-1 day"]
)
def test_a_time_nobody_can_read_is_refused_with_the_ways_to_say_it(said: str) -> None:
    with pytest.raises(BadTime, match=r"next working day 10:00|hour must be in"):
        parse(said)


def test_a_time_beyond_the_known_calendar_is_refused() -> None:
    with pytest.raises(BadTime, match="2026-12-31"):
        parse("+200 days").count(EVE, calendar("cn"))


@pytest.mark.parametrize("begin", ["2026-09-30 22:10", "2026-03-10 00:00", "2026-05-01 13:59"])
@pytest.mark.parametrize("now", ["2026-11-22T01:04:26+00:00", "2027-01-01T23:59:59+08:00"])
def test_a_borrowed_clock_shows_the_begin_to_the_minute(begin: str, now: str, tmp_path: Path) -> None:
    wanted, moment = datetime.fromisoformat(begin), datetime.fromisoformat(now)
    borrowed = borrow(wanted, moment, timedelta(minutes=1))
    assert timedelta(0) <= borrowed.wall(moment) - wanted < timedelta(minutes=1)
    assert abs(borrowed.real(borrowed.wall(moment)) - moment) < timedelta(seconds=1)
    name = zone_name(borrowed.zone, tmp_path)
    assert moment.astimezone(ZoneInfo(name)).utcoffset() == borrowed.zone.utcoffset(None)


def test_dates_in_letters_are_the_scripts_own() -> None:
    borrowed = Borrowed(timedelta(days=40), borrow(EVE, datetime.now().astimezone(), timedelta(minutes=1)).zone)
    wall = WallClock(borrowed, EVE, EVE + timedelta(days=12), "发生于2026年11月10日")
    assert (
        wall.letter("于 2026年11月22日 17:30 前答复；发生于2026年11月10日")
        == "于 2026年10月13日 17:30 前答复；发生于2026年11月10日"
    )
    assert wall.letter("by 22 November 2026, 17:30; since 1 May 1999") == "by 13 October 2026, 17:30; since 1 May 1999"
    assert wall.counted("2026-11-19 Thu 3 make-up working day") == "2026-10-10 Sat 3 make-up working day"


FAULTS = {
    "unknown actor": ("who: agent", "who: agnt", "who: agnt", "moves.3.who: no actor 'agnt'; name them in cast"),
    "unknown move": ("does: accepts", "does: acepts", "does: acepts", "no move 'acepts'; perhaps accepts"),
    "malformed time": ("+40 minutes", "in 40 minutes", "- at: in 40 minutes", "cannot read the time 'in 40 minutes'; say it so"),
    "time backwards": (
        "+1 working day 10:00", "same day 08:00", "- at: same day 08:00",
        "time does not run backwards: this is 2026-03-11 08:00, before the move above it (2026-03-11 09:30)",
    ),
    "unknown complaint": ("expect:\n  fee:", "expect:\n  fees:", "fees:", "expect.fees: no complaint has the label 'fees'; one of: fee"),
    "unknown expectation": ("    stage: closed", "    stages: closed", "stages: closed", "expect.fee.stages: Extra inputs are not permitted"),
    "unknown event": ("never: [breached", "never: [breeched", "never: [breeched, escalated, letter_failed]", "no kind of event 'breeched'; perhaps breached"),
    "unknown user": (
        "complaints:", "cast: {boss: superviser}\ncomplaints:", "cast: {boss: superviser}",
        "cast.boss: nobody in the demo office has the user name 'superviser'; perhaps supervisor",
    ),
    "no deed": ("    does: accepts\n", "", "- at: +40 minutes", "a move has one of does, opens, staff, letters, worker, waits; this has none"),
    "unknown stage": ("stage: closed", "stage: finished", "stage: finished", "expect.fee.stage: Input should be 'received'"),
    "bad moment": ('"2026-03-17 17:30"', "17 March", "resolution: 17 March", "cannot read the moment '17 March'"),
    "unknown day": ('"2026-03-10 10:00"', "2027-03-10 10:00", "- at: +40 minutes", "outside the days the calendar knows"),
    "unknown anchor": ("+40 minutes", "+0 after lunch", "- at: +0 after lunch", "nothing before is called 'lunch'; one of: begin, receipt"),
    "unknown gap": ("measures: 已退回多收年费并修正系统参数。", "measures: '{nobody}'", "with:", "moves.2.with: nothing is called 'nobody'"),
    "worker off": ("    who: handler\n    does: accepts", "    worker: stops", "- at: +1 working day 09:30", "no worker runs here; let it start first"),
    "not yaml": ("begin:", "begin: [", "complaints:", "not YAML"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_script_at_fault_says_where_why_and_how_to_mend_it(name: str, tmp_path: Path) -> None:
    right, wrong, at, message = FAULTS[name]
    assert right in ORDINARY
    path = tmp_path / "mine.yaml"
    path.write_text(ORDINARY.replace(right, wrong, 1))
    with pytest.raises(ScriptFault) as fault:
        load(path)
    assert message in str(fault.value)
    found = fault.value.problems[0]
    assert found.file == "mine.yaml"
    assert path.read_text().splitlines()[found.line - 1].strip() == at


def test_every_move_calls_a_path_whose_parts_are_known() -> None:
    for name, route in moves.MOVES.items():
        method, path = route.split()
        assert method == "POST" and path.startswith(
            ("/complaints/{ref}", "/incidents/{incident}", "/approvals/{approval}")
        )
        assert name in moves.WORDS


def test_the_place_of_a_move_is_the_last_open_one() -> None:
    approvals = [{"id": "A1", "decision": None}, {"id": "A2", "decision": "reject"}]
    duties = [
        {"number": 1, "owner": "ann"},
        {"number": 2, "owner": "bob"},
        {"number": 3, "owner": "bob", "answered_at": "x"},
    ]
    case: dict[str, Any] = {"reference": "CMP-1", "approvals": approvals, "incident": {"id": "M1"}, "plan": None}
    assert moves.path("decides", case, "ann", {}) == "/approvals/A1/decision"
    assert moves.path("logs", case, "ann", {}) == "/incidents/M1/log"
    assert moves.path("answers_duty", case, "ann", {"duty": 2}) == "/complaints/CMP-1/duties/2/answer"
    with pytest.raises(moves.NoSuchPlace, match="the case has no duty yet"):
        moves.path("answers_duty", case, "ann", {})
    planned = case | {"plan": {"duties": duties}}
    found = [moves.path("answers_duty", planned, user, {}).split("/")[4] for user in ("ann", "bob", "eve")]
    assert found == ["1", "2", "2"]


@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.stem)
def test_a_shipped_script_is_named_as_its_file_and_told_in_both_languages(path: Path) -> None:
    script = load(path).script
    assert script.name == path.stem and script.story is not None
    assert set(script.expect) == set(script.complaints)


def test_the_manual_names_every_move_and_its_example_is_sound(tmp_path: Path) -> None:
    text = (Path(__file__).parents[1] / "docs/drills.md").read_text()
    assert [name for name in [*moves.MOVES, *BUILT_IN] if f"`{name}`" not in text] == []
    example = text.split("```yaml\n")[1].split("```")[0]
    (tmp_path / "example.yaml").write_text(example)
    assert load(tmp_path / "example.yaml").script.name == "late_approval"
