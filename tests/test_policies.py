"""The rules: sound, dated, and refused with file, line and mend when they are not."""

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import holidays
import pytest

from complaints.names import Channel
from complaints.policy import CasePolicy, Policy, shared
from policies import load as loading
from policies.files import FOLDER, BrokenPolicy
from policies.load import calendar, check, load

VERSION = "cn/2026-01-01"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A copy of the rules to break."""
    shutil.copytree(FOLDER, tmp_path / "policies", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return tmp_path / "policies"


def change(rules: Path, file: str, old: str, new: str) -> None:
    path = rules / file
    text = path.read_text()
    assert old in text, f"{old!r} is not in {file} any more; the test must break something that is there"
    path.write_text(text.replace(old, new, 1))


def test_the_rules_are_sound() -> None:
    assert [str(p) for p in check(date(2026, 6, 1))] == []


def test_the_calendar_reaches_far_enough_ahead() -> None:
    """Fails two weeks before the known calendar ends; what to do is in the message."""
    assert [str(p) for p in check(datetime.now(UTC).date()) if p.fatal] == []


THERE = 0
"""The line that was changed, wherever it stands."""


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "says"),
    [
        (f"{VERSION}/clocks.yaml", "amount: 1, unit: working_days", "amount: -1, unit: working_days", 4, "registration.limit.amount"),
        (f"{VERSION}/clocks.yaml", "unit: working_hours", "unit: working_ours", 10, "acceptance.limit.unit"),
        (f"{VERSION}/clocks.yaml", "  ladder: intake", "  laddder: intake", 3, "registration.ladder"),
        (f"{VERSION}/clocks.yaml", "ladder: resolution", "ladder: nowhere", 1, "no ladder 'nowhere'"),
        (f"{VERSION}/ladders.yaml", "tell: supervisor", "tell: president", 4, "intake.levels.0.tell"),
        (f"{VERSION}/approvals.yaml", "violation: supervisor", "violation: everybody", 8, "always.violation"),
        (f"{VERSION}/callback.yaml", "attempts: 3", "attempts: zero", 2, "attempts"),
        (f"{VERSION}/callback.yaml", "source:", "sauce:", 6, "sauce"),
        (f"{VERSION}/letters.yaml", "  sms: {", "  smss: {", 6, "ways.smss"),
        (f"{VERSION}/routing.yaml", "otherwise: personal_finance", "otherwise: nowhere", None, "'nowhere' is not in the list"),
        (f"{VERSION}/intake.yaml", "currencies: [CNY", "currencies: [cny", 3, "currencies.0"),
        ("cn/2026-11-20/duplicates.yaml", "at_least: 0.70", "at_least: 70", 4, "strangers.at_least"),
        ("access.yaml", "does: open, agent: any", "does: open, agnet: any", THERE, "routes.POST /complaints.agnet: Extra inputs"),
        ("access.yaml", "handler: part, supervisor: bound}", "handler: parts, supervisor: bound}", THERE, "found 'parts'"),
        ("access.yaml", "why: it is the sign-in", "why: x", 15, "routes.POST /auth/token.why"),
        ("calendars/cn.yaml", "Asia/Shanghai", "Asia/Shanghigh", 5, "no IANA time zone"),
        ("calendars/cn.yaml", "weekend: [6, 7]", "weekend: [6, 7", 9, "not YAML"),
    ],
)  # fmt: skip
def test_a_broken_file_is_named_with_line_and_reason(
    rules: Path, file: str, old: str, new: str, line: int | None, says: str
) -> None:
    change(rules, file, old, new)
    problems = check(date(2026, 6, 1), rules)
    assert problems and all(p.fatal for p in problems)
    found = [p for p in problems if says in p.message]
    assert found, problems
    assert found[0].file == file
    if line == THERE:
        line = next(n for n, text in enumerate((rules / file).read_text().splitlines(), 1) if new in text)
    assert line in (None, found[0].line)


def test_a_missing_topic_is_named(rules: Path) -> None:
    (rules / VERSION / "letters.yaml").unlink()
    assert any("letters" in str(p) and "missing" in str(p) for p in check(date(2026, 6, 1), rules))


def test_a_year_without_a_calendar_fails_early_and_loudly() -> None:
    before = check(date(2026, 12, 1))
    assert [p.fatal for p in before] == [False]
    after = check(date(2026, 12, 20))
    assert [p.fatal for p in after] == [True]
    assert "Mend:" in str(after[0]) and "2027" in str(after[0])


def test_a_later_version_takes_over_on_its_day_and_keeps_what_it_does_not_say(rules: Path) -> None:
    later = rules / "cn" / "2026-07-01"
    later.mkdir()
    shutil.copy(rules / VERSION / "callback.yaml", later / "callback.yaml")
    change(rules, "cn/2026-07-01/callback.yaml", "attempts: 3", "attempts: 5")
    old, new = load("cn", date(2026, 6, 30), rules), load("cn", date(2026, 7, 1), rules)
    assert (old.version, old.callback.attempts) == ("cn-2026-01-01", 3)
    assert (new.version, new.callback.attempts) == ("cn-2026-07-01", 5)
    assert new.clocks == old.clocks
    assert loading.by_version("cn-2026-01-01", rules).callback.attempts == 3


def test_a_topic_that_came_later_is_none_until_its_day_and_then_stays(rules: Path) -> None:
    assert set(loading.OPTIONAL) <= set(Policy.model_fields) and not set(loading.OPTIONAL) & set(loading.TOPICS)
    (rules / "cn" / "2027-03-01").mkdir()
    found = [load("cn", day, rules).duplicates for day in (date(2026, 11, 19), date(2026, 11, 20), date(2027, 3, 1))]
    assert found[0] is None and found[1] is not None and found[2] == found[1]


def test_unknown_jurisdiction_is_refused() -> None:
    with pytest.raises(BrokenPolicy, match="no dated folder"):
        load("atlantis")


def test_the_calendar_agrees_with_the_holidays_library_day_by_day() -> None:
    """Every known day: the library is the source, our calendar a frozen copy of it."""
    ours, library = calendar("cn"), holidays.country_holidays("CN")
    day = ours.known_from
    while day <= ours.known_through:
        assert ours.is_working_day(day) == library.is_working_day(day), day
        day = date.fromordinal(day.toordinal() + 1)


def test_every_channel_has_ways_and_every_clock_a_source() -> None:
    policy = load("cn")
    assert set(policy.letters.ways) == set(Channel)
    for name, clock in policy.clocks:
        assert clock.source.startswith("R"), f"{name} must name the requirement it comes from"


def test_rules_are_read_once_a_version_and_not_once_a_day() -> None:
    first = load("cn", date(2026, 11, 20))
    assert all(load("cn", date(2026, 11, 20) + timedelta(days=n)) is first for n in (1, 40, 400))
    assert load("cn", date(2020, 1, 1)) is load("cn", date(2026, 1, 1)) is not first


def test_cases_held_to_the_same_rules_share_one_object_that_nothing_changes() -> None:
    one, other = (
        CasePolicy.model_validate_json(load("cn").for_case(date(2026, 10, 9)).model_dump_json()) for _ in range(2)
    )
    assert one is not other
    assert shared(one) is shared(other) is not one
    assert shared(one) == one
    moved = one.model_copy(update={"version": "another"})
    assert shared(moved) is not shared(one)
    with pytest.raises(ValueError, match="frozen"):
        shared(one).version = "changed"
    with pytest.raises(ValueError, match="frozen"):
        shared(one).clocks["registration"].limit.amount = 9
