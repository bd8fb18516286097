"""Reads, checks and dates the rules. Folders are dates of coming into force; append a folder, never edit one.

`policies/<jurisdiction>/<date>/<topic>.yaml` holds one topic; a topic missing from a later date stays as it was.
"""

from datetime import date, datetime, timedelta
from functools import cache
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import holidays
from pydantic import BaseModel, ValidationError

from complaints.access import Access
from complaints.classification_rules import ClassificationRules
from complaints.clock import Calendar
from complaints.handling_rules import DisclosureRule, ExtensionRule, MassRule, PauseRule, PlanRule, TransferRule
from complaints.knowledge import Knowledge
from complaints.policy import (
    Approvals,
    CallbackRule,
    ClockRules,
    DuplicateRule,
    Intake,
    Ladder,
    Letters,
    Policy,
    Routing,
)
from complaints.retention import Retention
from complaints.targets import Targets
from complaints.together import Together
from policies.files import FOLDER, BrokenPolicy, Problem, key_lines, mapping, problems_of, read, shown
from policies.names import DEFAULT_JURISDICTION

WARN_AHEAD, FAIL_AHEAD = timedelta(days=60), timedelta(days=14)

TOPICS: dict[str, type[BaseModel]] = {
    "clocks": ClockRules,
    "approvals": Approvals,
    "callback": CallbackRule,
    "letters": Letters,
    "intake": Intake,
    "routing": Routing,
    "classification": ClassificationRules,
}
"""Every topic that the first version must have, but `ladders`, which is a mapping of names to Ladder."""

OPTIONAL: dict[str, type[BaseModel]] = {
    "duplicates": DuplicateRule,
    "disclosure": DisclosureRule,
    "extension": ExtensionRule,
    "pause": PauseRule,
    "transfer": TransferRule,
    "plan": PlanRule,
    "mass": MassRule,
    "targets": Targets,
}
"""Topics that came later, each a field of Policy; None in force before the first version that has it."""


ALONE: dict[str, type[BaseModel]] = {
    "access": Access, "retention": Retention, "knowledge": Knowledge, "together": Together,
}  # fmt: skip
"""Files beside the jurisdictions' folders, each read by a part of its own."""


class CalendarFile(BaseModel, extra="forbid"):
    """The file calendars/<id>.yaml."""

    id: str
    time_zone: str
    opens: str
    closes: str
    weekend: list[int]
    holidays_of: str | None = None
    known_from: date
    known_through: date
    extra_days_off: list[date]
    extra_make_up_days: list[date]
    source: str


def versions(jurisdiction: str, folder: Path = FOLDER) -> list[date]:
    """The dates on which rules of that jurisdiction came into force, oldest first."""
    place = folder / jurisdiction
    return sorted(date.fromisoformat(p.name) for p in place.iterdir() if p.is_dir()) if place.is_dir() else []


def load(jurisdiction: str = DEFAULT_JURISDICTION, at: date = date.max, folder: Path = FOLDER) -> Policy:
    """The rules in force there on that day; raises BrokenPolicy with file, line and mend."""
    known = versions(jurisdiction, folder)
    if not known:
        where = str(folder / jurisdiction)
        raise BrokenPolicy([Problem(file=where, line=1, message="no dated folder of rules, such as 2026-01-01")])
    # A complaint older than the first rules is held to the first rules.
    return _version(jurisdiction, max((d for d in known if d <= at), default=known[0]), folder)


@cache
def _version(jurisdiction: str, day: date, folder: Path) -> Policy:
    """The rules of one version, read once: there are few versions and many days."""
    dates = [d for d in versions(jurisdiction, folder) if d <= day]
    files = {topic: _needed(jurisdiction, dates, topic, folder) for topic in [*TOPICS, "ladders"]}
    parts: dict[str, Any] = {topic: read(files[topic], model) for topic, model in TOPICS.items()}
    for topic, model in OPTIONAL.items():
        if (path := _latest(jurisdiction, dates, topic, folder)) is not None:
            parts[topic] = read(path, model)
    parts["ladders"] = _ladders(files["ladders"])
    version = f"{jurisdiction}-{dates[-1]}"
    try:
        return Policy(
            version=version,
            jurisdiction=jurisdiction,
            in_force_from=dates[-1],
            calendar=calendar(jurisdiction, folder),
            **parts,
        )
    except ValidationError as error:
        where = str(files["clocks"].relative_to(folder))
        raise BrokenPolicy([Problem(file=where, line=1, message=e["msg"]) for e in error.errors()]) from None


def in_force(jurisdiction: str, at: datetime, folder: Path = FOLDER) -> Policy:
    """The rules in force there at that moment (aware), by the jurisdiction's own date."""
    return load(jurisdiction, calendar(jurisdiction, folder).local(at).date(), folder)


def by_version(version: str, folder: Path = FOLDER) -> Policy:
    """The rules of a version such as cn-2026-01-01, as a case carries it."""
    jurisdiction, _, day = version.partition("-")
    return load(jurisdiction, date.fromisoformat(day), folder)


@cache
def calendar(name: str, folder: Path = FOLDER) -> Calendar:
    """The working days of that jurisdiction, holidays and make-up days filled in."""
    path = folder / "calendars" / f"{name}.yaml"
    rules = read(path, CalendarFile)
    years = range(rules.known_from.year, rules.known_through.year + 2)
    public = holidays.country_holidays(rules.holidays_of, years=years) if rules.holidays_of else {}
    weekday_holidays = {day for day in public if day.isoweekday() not in rules.weekend and day.year in years}
    make_up = {day for day in getattr(public, "weekend_workdays", ()) if day.year in years}
    try:
        return Calendar(
            **rules.model_dump(
                include={"id", "time_zone", "opens", "closes", "weekend", "known_from", "known_through"}
            ),
            days_off=sorted((weekday_holidays | set(rules.extra_days_off)) - set(rules.extra_make_up_days)),
            make_up_days=sorted((make_up | set(rules.extra_make_up_days)) - set(rules.extra_days_off)),
            source=f"{rules.source}; holidays {version_of('holidays')}",
        )
    except ValidationError as error:
        raise BrokenPolicy(problems_of(error, path, key_lines(path))) from None


def check(at: date, folder: Path = FOLDER) -> list[Problem]:
    """Everything wrong with any version of any rule, with who may do what, and calendars that end soon after `at`."""
    found: list[Problem] = []
    for name, model in ALONE.items():
        try:
            read(folder / f"{name}.yaml", model)
        except BrokenPolicy as broken:
            found += broken.problems
    for place in sorted(p for p in folder.iterdir() if p.is_dir() and p.name not in ("calendars", "__pycache__")):
        for version in versions(place.name, folder) or [at]:
            try:
                load(place.name, version, folder)
            except BrokenPolicy as broken:
                found += [p for p in broken.problems if p not in found]
    for path in sorted((folder / "calendars").glob("*.yaml")):
        try:
            found += _calendar_ends(calendar(path.stem, folder), path, at)
        except BrokenPolicy as broken:
            found += [p for p in broken.problems if p not in found]
    return found


def _calendar_ends(known: Calendar, path: Path, at: date) -> list[Problem]:
    left = known.known_through - at
    if left > WARN_AHEAD:
        return []
    year = known.known_through.year + 1
    message = (
        f"the calendar knows nothing after {known.known_through} ({left.days} days from {at}): deadlines that reach "
        f"into {year} are marked provisional. Mend: update the holidays library once {year} is announced, check its "
        f"days, then set known_through: {year}-12-31"  # nosec B608: words for people, no SQL
    )
    return [
        Problem(
            file=shown(path), line=key_lines(path).get(("known_through",), 1), message=message, fatal=left < FAIL_AHEAD
        )
    ]


def _latest(jurisdiction: str, dates: list[date], topic: str, folder: Path) -> Path | None:
    paths = (folder / jurisdiction / day.isoformat() / f"{topic}.yaml" for day in reversed(dates))
    return next((path for path in paths if path.is_file()), None)


def _needed(jurisdiction: str, dates: list[date], topic: str, folder: Path) -> Path:
    if (path := _latest(jurisdiction, dates, topic, folder)) is not None:
        return path
    where = f"{jurisdiction}/{dates[0]}/{topic}.yaml"
    raise BrokenPolicy(
        [Problem(file=where, line=1, message=f"missing; the first version needs every topic, {topic} too")]
    )


def _ladders(path: Path) -> dict[str, Ladder]:
    nodes, ladders = key_lines(path), {}
    for name, body in mapping(path).items():
        try:
            ladders[name] = Ladder.model_validate(body)
        except ValidationError as error:
            raise BrokenPolicy(problems_of(error, path, nodes, name)) from None
    return ladders
