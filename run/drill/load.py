"""Reads a script; says at once everything that is wrong with it: where, why, and how to mend it."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from complaints.clock import Calendar
from policies.files import Problem, key_lines
from policies.load import calendar
from policies.names import DEFAULT_JURISDICTION
from run import demo
from run.drill import filling
from run.drill.script import HANDLER, Move, Script
from run.drill.times import BadTime, Spoken, parse

SHIPPED = Path(__file__).parent / "scripts"
Place = tuple[Any, ...]
Fault = tuple[Place, str]


class ScriptFault(Exception):
    """The script cannot be played; nothing was started."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = problems


class _Loader(yaml.SafeLoader):
    """YAML in which `on` is a word and 2026-10-01 a text; only true and false are yes and no."""


_PLAIN = ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag not in _PLAIN or first in "tTfF"]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Drill:
    """A sound script, and when each of its moves is."""

    script: Script
    source: str
    times: list[datetime]
    until: datetime
    days: Calendar


def shipped() -> list[Path]:
    """The scripts that come with the product."""
    return sorted(SHIPPED.glob("*.yaml"))


def load(path: Path) -> Drill:
    """The script in that file; raises ScriptFault."""
    try:
        source = path.read_text("utf-8")
        data = yaml.load(source, Loader=_Loader)  # nosec B506: it is a SafeLoader
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptFault([Problem(file=path.name, line=1, message=f"cannot be read: {error}")]) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ScriptFault([Problem(file=path.name, line=line, message=f"not YAML: {error.problem}")]) from None
    if not isinstance(data, dict):
        raise ScriptFault([Problem(file=path.name, line=1, message="must be a mapping: name, title, begin, …")])
    lines = key_lines(path)
    try:
        script = Script.model_validate(data)
    except ValidationError as error:
        faults = [(tuple(d["loc"]), d["msg"].removeprefix("Value error, ")) for d in error.errors()]
        raise ScriptFault([_problem(path, lines, *fault) for fault in faults]) from None
    days = calendar(DEFAULT_JURISDICTION)
    times, faults = _times(script, days)
    if faults := [*_labels(script), *faults]:
        raise ScriptFault([_problem(path, lines, *fault) for fault in faults])
    return Drill(script, source, times[:-1], times[-1], days)


def _problem(path: Path, lines: dict[Place, int], place: Place, message: str) -> Problem:
    known = next((place[:n] for n in range(len(place), 0, -1) if place[:n] in lines), ())
    name = ".".join(str(p + 1) if isinstance(p, int) else str(p) for p in place) or "(whole file)"
    return Problem(file=path.name, line=lines.get(known, 1), message=f"{name}: {message}")


def _times(script: Script, days: Calendar) -> tuple[list[datetime], list[Fault]]:
    """The wall-clock time of each move, and last that of the end."""
    known: dict[str, datetime] = {"begin": script.begin}
    receipt = dict.fromkeys(script.at_begin(), script.begin)
    times, now, faults = [], script.begin, list[Fault]()
    end: list[tuple[Place, Spoken, Move | None]] = [(("until",), parse(script.until), None)]
    moves: list[tuple[Place, Spoken, Move | None]] = [
        (("moves", n, "at"), m.time, m) for n, m in enumerate(script.moves)
    ]
    for place, spoken, move in moves + end:
        anchors = dict(known)
        if move is not None and script.on(move) in receipt:
            anchors["receipt"] = receipt[script.on(move)]
        start = anchors.get(spoken.anchor or "", now)
        if spoken.anchor and spoken.anchor not in anchors:
            faults.append((place, f"nothing before is called {spoken.anchor!r}; one of: {', '.join(anchors)}"))
        try:
            at = spoken.count(start, days)
            if at < now:
                said = f"this is {at:%Y-%m-%d %H:%M}, before the move above it ({now:%Y-%m-%d %H:%M})"
                faults.append((place, f"time does not run backwards: {said}; put the moves in order"))
            now = max(now, at)
        except BadTime as error:
            faults.append((place, str(error)))
        times.append(now)
        if move is not None and move.mark:
            known[move.mark] = now
        if move is not None and move.opens:
            receipt[move.opens] = now
    return times, faults


def _labels(script: Script) -> list[Fault]:
    """Names that lead nowhere."""
    faults: list[Fault] = []
    people = {person.username for person in demo.everybody()}
    for label, user in script.cast.items():
        if label == HANDLER:
            faults.append((("cast", label), "the handler is whoever holds the case; take another label"))
        if user not in people:
            near = filling.near(user, people)
            faults.append((("cast", label), f"nobody in the demo office has the user name {user!r}; perhaps {near}"))
    for label in script.expect:
        if label not in script.complaints:
            known = ", ".join(script.complaints)
            faults.append((("expect", label), f"no complaint has the label {label!r}; one of: {known}"))
    for label, expected in script.expect.items():
        for kind, names in expected.told.items():
            place = ("expect", label, "told", kind)
            faults += [(place, _no_actor(n, script)) for n in names if not _known(n, script, people)]
    open_now, stopped = set(script.at_begin()), False
    for number, move in enumerate(script.moves):
        here: Place = ("moves", number)
        if move.who is not None and not _known(move.who, script, set()):
            faults.append(((*here, "who"), _no_actor(move.who, script)))
        if move.staff and not _known(move.staff.who, script, people):
            faults.append(((*here, "staff", "who"), _no_actor(move.staff.who, script)))
        faults += [((*here, key), message) for key, message in _on(script, move, open_now)]
        faults += [((*here, "with"), message) for message in filling.faults(move.with_, script)]
        if stopped and (move.does or move.opens or move.staff):
            faults.append((here, "no worker runs here; let it start first (worker: starts)"))
        if move.worker:
            if stopped == (move.worker == "stops"):
                faults.append(((*here, "worker"), f"it has {'stopped' if stopped else 'not stopped'} before"))
            stopped = move.worker == "stops"
    if stopped:
        faults.append((("moves",), "the worker is never started again; add a move with worker: starts"))
    return faults


def _on(script: Script, move: Move, open_now: set[str]) -> list[tuple[str, str]]:
    known = ", ".join(script.complaints)
    if move.opens:
        if move.opens not in script.complaints:
            return [("opens", f"no complaint has the label {move.opens!r}; one of: {known}")]
        if move.opens in open_now:
            return [("opens", f"{move.opens} has been opened before")]
        open_now.add(move.opens)
        return []
    if not move.does:
        return []
    if move.on is None and len(script.complaints) > 1:
        return [("does", f"there are several complaints; say on which: {known}")]
    label = script.on(move)
    if label not in script.complaints:
        return [("on", f"no complaint has the label {label!r}; one of: {known}")]
    return [] if label in open_now else [("on" if move.on else "does", f"{label} is opened only by a later move")]


def _known(name: str, script: Script, people: set[str]) -> bool:
    return name in script.actors() or name in people


def _no_actor(name: str, script: Script) -> str:
    return f"no actor {name!r}; name them in cast, or take one of: {', '.join(sorted(script.actors()))}"
