"""The arithmetic of the benchmarks: what they would say of figures that are known. Milliseconds."""

import pytest
import tables
from actions import actions
from capacity import needs, size
from performance import PAGE, PARTS, merged
from profiling import tops
from spread import percentile, ratios, slope, spread, tails
from temporalio.api.enums.v1 import EventType as E
from temporalio.api.history.v1 import HistoryEvent

ONE = {"lives": {"median": 4.0, "smallest": 3.0, "largest": 5.0, "n": 3}}


def test_percentiles_are_values_that_were_measured() -> None:
    assert [percentile([4, 1, 3, 2], share) for share in (0, 0.25, 0.5, 0.51, 0.99, 1)] == [1, 1, 2, 3, 4, 4]
    assert tails(range(1, 101)) == {"p50": 50, "p95": 95, "p99": 99, "largest": 100, "n": 100}


def test_ratios_are_those_of_pairs_not_of_medians() -> None:
    assert ratios([(1, 2), (10, 10), (3, 1)]) == {"median": 1, "smallest": 0.5, "largest": 3, "n": 3}
    assert spread([2.0])["median"] == 2.0
    assert slope([(0, 5), (1, 7), (2, 9)]) == pytest.approx(2)


def event(kind: E.ValueType, **attributes: object) -> HistoryEvent:
    return HistoryEvent(event_type=kind, **attributes)  # type: ignore[arg-type]


def test_actions_are_counted_as_the_cloud_counts_them() -> None:
    def marker(task: int) -> HistoryEvent:
        return event(
            E.EVENT_TYPE_MARKER_RECORDED,
            marker_recorded_event_attributes={"workflow_task_completed_event_id": task},
        )

    told = {"external_workflow_execution": {"workflow_id": "other"}}
    found = actions(
        [
            event(E.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED),
            event(E.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED),
            event(E.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED),
            *(marker(4), marker(4), marker(9)),
            event(E.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED),
            event(E.EVENT_TYPE_ACTIVITY_TASK_STARTED, activity_task_started_event_attributes={"attempt": 3}),
            event(E.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED),
            event(E.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, workflow_execution_signaled_event_attributes=told),
        ]
    )
    assert found == {
        "starts": 1, "updates": 1, "activities": 1, "activities tried again": 2, "local activities": 2, "signals": 1,
    }  # fmt: skip


def test_a_missed_goal_is_said_as_plainly_as_one_met() -> None:
    found = {
        name: {"n": 9, "p50": 0.1, "p99": late, "largest": late} for name, late in (("at rest", 0.9), ("crowd", 61))
    }
    rest, crowd = tables.lateness(found).splitlines()[2:]
    assert rest.endswith("| met (≤ 1) |") and crowd.endswith("| **missed** (≤ 60) |")


def test_a_fragment_replaces_the_one_before_and_nothing_else() -> None:
    page = "a\n<!-- lives -->\nold\n<!-- /lives -->\nb\n"
    once = merged(page, "lives", r"new \1")
    assert once == "a\n<!-- lives -->\nnew \\1\n<!-- /lives -->\nb\n" == merged(once, "lives", r"new \1")
    with pytest.raises(ValueError, match="no marks for soak"):
        merged(page, "soak", "x")


def test_the_page_has_a_place_for_each_part() -> None:
    page = PAGE.read_text()
    for part in PARTS:
        merged(page, part, "x")


def test_own_and_total_time_of_folded_stacks() -> None:
    found = tops("run (a/b/main.py);save (x/register/write.py) 3\nrun (a/b/main.py) 1\n")
    assert found["own"] == {"save (register/write.py)": 0.75, "run (b/main.py)": 0.25}
    assert found["total"]["run (b/main.py)"] == 1.0


def test_what_a_day_of_complaints_needs() -> None:
    of_one = {
        "core seconds": 0.5, "worker seconds": 0.3, "web seconds": 0.1, "register bytes": 13_400,
        "history bytes": 20_000, "actions": 25, "days open": 20, "days kept": 30,
    }  # fmt: skip
    day = needs(100_000, of_one)
    assert (day["lives/s, peak"], day["cores, all parts"], day["workers of one core"]) == (8.3, 9, 5)
    assert (day["register a year"], day["open histories"], day["shards"]) == ("489 GB", "40 GB", 512)
    assert needs(1_000, of_one)["cores, all parts"] == 1
    assert size(999) == "999 B" and size(1_500_000) == "1.5 MB"


def test_every_part_can_be_told() -> None:
    late = {"p50": 0.1, "p95": 0.2, "p99": 0.3, "largest": 0.4, "n": 9}
    of_size = {**ONE, "floor": ONE["lives"], "ratio": ONE["lives"], "per core": ONE["lives"]}
    found = {
        "lives": {
            "sizes": {"1000": of_size | {"latency": {"open": late}, "cpu share": {"worker": 0.6, "web": 0.4}}},
            **{"lanes": 4, "seconds": 20.0, "updates": 4},
        },
        "opening": {"sizes": {"0": {"open ms": late, "bare ms": late, "ratio of medians": 1.4}}},
        "holding": {
            "number": 2, "memory MB": [{"open": 2, "worker": 1, "web": 2, "temporal": 3}], "histories MB": 1,
            "idle share of a core": {"worker": 0.03, "load": 0.5}, "register MB": 1,
            "woken": {"seconds": 1.0, "a second": 2.0, "worker MB after": 3},
            "comparisons": [{"compared": 2, "asked": n, "seconds": 0.5, "found": {}} for n in (2, 0)],
        },
        "histories": {"kinds": {"plain": {"events": 61, "bytes": 100, "actions": 2, "by": {"timers": 2}}}},
        "scaling": {"by number": [{"workers": 1, "webs": 2, "lives": 3.0, "cores": {"worker": 0.9}}]},
        "soak": {
            "minutes": 40, "rate": 2.0, "begun": 4800, "failed": 0,
            "points": [{"minute": m, "begun": 400 * m, "worker MB": mb} for m, mb in enumerate((1, 2, 3, 7, 7, 9))],
        },
        "profile": {part: {"own": {"f (a/b.py)": 0.5}, "total": {"f (a/b.py)": 0.5}} for part in ("worker", "web")},
        "peers": {
            "amends": {"lives": ONE["lives"], "late": late}, "sweep": 60,
            **{kind: {"lives": ONE["lives"], "late": late, "killed": {"letters sent twice": 0}, "amends to it": ONE["lives"]}
               for kind in ("ordinary", "on_dbos")},
        },
    }  # fmt: skip
    told = {part: PARTS[part](one) for part, one in found.items()}
    assert "| 1,000 | 4 (3 to 5, 3) |" in told["lives"] and "met (≥ 0.6)" in told["lives"]
    assert "**missed** (≤ 60) events" in told["histories"] and "**missed** (≤ 0.02)" in told["holding"]
    assert "2 cases of which 0 were asked in 0.5 s, 0 differences." in told["holding"]
    assert "load" not in told["holding"] and "From minute 3 on" in told["soak"]
    assert "| worker MB | 7 | 9 | 60.0 |" in told["soak"]
    assert all("| ---" in text for text in told.values())
