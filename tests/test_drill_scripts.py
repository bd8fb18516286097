"""Drill scripts: how they are written and what is wrong with them; then all that ship, played on one set of servers."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from policies.load import calendar
from run.drill import command, moves
from run.drill.borrowing import Borrowed, borrow, zone_name
from run.drill.load import SHIPPED, ScriptFault, load, shipped
from run.drill.report import Report
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


MISHAPS = """
name: mishaps
title: {zh-CN: 意外, en: Mishaps}
begin: "2026-03-10 10:05"
until: "+1 hour"
cast: {boss: supervisor.qian}
complaints:
  first: &fee
    channel: email
    complainant: {name: 演示客户, email: customer@example.com}
    matter: 信用卡年费被重复扣收，要求退回多收的300元年费。
    product: credit_card
  second: *fee
  late: *fee
moves:
  - {at: +0, who: agent, opens: first}
  - {at: +0, letters: refuse}
  - {at: +10 minutes, who: agent, opens: second}
  - {at: +10 minutes, letters: accept}
  - {at: +0, staff: {who: handler.card_centre, now: leave}}
  - {at: +0, worker: stops}
  - {at: +6 hours, waits: nobody looks}
  - {at: +0, worker: starts}
  - {at: next working day 11:00, who: agent, opens: late, mark: third}
  - {at: +1 hour after third, who: boss, does: assigns, on: late, with: {department: card_centre, handler: handler.card_centre, reason: "{first}"}, refused: invalid}
  - {at: +0, who: handler, does: accepts, on: late}
  - {at: +0, who: agent, does: notes, on: late, with: {text: "同一客户：{first}，{handler}，{at +2 working days 17:30}"}}
expect:
  first:
    stage: assigned
    letters: [acknowledgement]
    clocks: {acceptance: met, acceptance_2: breached, resolution: running}
    events: [assigned, assigned, breached]
    due: {resolution: "2026-03-17 17:30"}
  second:
    letters: []
    undelivered: [acknowledgement]
    events: [letter_failed]
    told: {letter_failed: [agent]}
    due: {acceptance: "2026-03-10 14:15"}
  late:
    stage: in_progress
    letters: [acknowledgement]
    due: {acceptance: "2026-03-11 15:00", resolution: "2026-03-18 17:30"}
    events: [received, accepted, noted]
    never: [breached]
"""
WRONG = ORDINARY.replace("name: ordinary", "name: wrong").replace("outcome: satisfied", "outcome: withdrawn")
WRONG = WRONG.replace("letters: [acknowledgement, ", "letters: [apology, ").replace(
    '"2026-03-17 17:30"', '"2026-03-16 17:30"'
)
WRONG = WRONG.replace("who: agent\n    does: calls_back", "who: supervisor\n    does: calls_back")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("drills")


@pytest.fixture(scope="session")
async def played(folder: Path) -> dict[str, Report]:
    """Every shipped script and two of ours, all on one set of servers."""
    own = {"mishaps": MISHAPS, "wrong": WRONG}
    for name, text in own.items():
        (folder / f"{name}.yaml").write_text(text)
    drills = command.read([*shipped(), *(folder / f"{name}.yaml" for name in own)])
    found = await command.play_all(drills, folder / "reports", Console(quiet=True))
    return {report.name: report for report in found}


@pytest.mark.parametrize("name", [path.stem for path in shipped()])
async def test_a_shipped_script_goes_as_scripted(played: dict[str, Report], name: str) -> None:
    assert played[name].ok, "\n".join(played[name].otherwise)
    assert played[name].findings and all(line.ok for line in played[name].moves)


async def test_what_befalls_the_office_is_played_too(played: dict[str, Report]) -> None:
    found = played["mishaps"]
    assert found.ok, "\n".join(found.otherwise)
    late = next(one for one in found.complaints if one.label == "late")
    assert late.events[0]["at"].replace(second=0) in (datetime(2026, 3, 11, 11), datetime(2026, 3, 11, 11, 1))
    note = late.case["notes"][0]["text"]
    assert note == f"同一客户：{found.complaints[0].reference}，{late.holder}，2026-03-13 17:30"


async def test_what_differs_is_said(played: dict[str, Report]) -> None:
    found = played["wrong"]
    assert not found.ok and found.broken is None
    assert found.otherwise[0].startswith("move 3 (calls back): expected done, happened not_allowed")
    assert "fee: outcome: expected withdrawn, happened –" in found.otherwise
    assert "fee: due resolution: expected 2026-03-16 17:30, happened 2026-03-17 17:30" in found.otherwise
    assert [line for line in found.otherwise if "letters: expected apology" in line]


async def test_a_report_has_everything_a_debriefing_needs(played: dict[str, Report], folder: Path) -> None:
    page = next((folder / "reports").glob("*-nobody_answers.html")).read_text()
    for piece in (
        "与剧本一致",
        "Expected and happened",
        "Person by person",
        "2026年7月13日 17:30",
        "supervisor.card_centre",
        "Lessons",
    ):
        assert piece in page, piece
    assert "http://" not in page and "https://" not in page and "<script" not in page  # nothing from outside
    data = json.loads(next((folder / "reports").glob("*-major_at_night_over_a_holiday.json")).read_text())
    assert data["ok"] and data["begin"] == "2026-09-30T22:10:00"
    clock = next(c for c in data["complaints"][0]["clocks"] if c["name"] == "resolution")
    assert clock["due_at"] == "2026-10-13T17:30:00" and "2026-10-10 Sat 3 make-up working day" in clock["counted"]
    at = [date.fromisoformat(line["at"][:10]) for line in data["timeline"]]
    assert at == sorted(at) and at[0] == date(2026, 9, 30)
