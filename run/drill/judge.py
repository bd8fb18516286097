"""Expected against happened: one finding for each thing the script says. A new expectation is one method here."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field

from run.drill.script import HANDLER, Expected, Script

Json = dict[str, Any]
TOLERANCE = timedelta(minutes=2)
"""A case is opened some seconds after the minute its script begins in, and acts take a moment."""


class Happened(BaseModel):
    """What came of one complaint; every time is the office's wall clock."""

    label: str
    reference: str
    case: Json
    clocks: list[Json]
    events: list[Json]
    letters: list[Json]
    notices: list[tuple[int, str, str]] = Field(description="number of the event, its kind, who was told")

    @property
    def holder(self) -> str | None:
        """Who holds it at the end."""
        handler = (self.case.get("assignment") or {}).get("handler")
        return str(handler) if handler else None


class Finding(BaseModel):
    """One thing expected, and what happened instead or as expected."""

    about: str
    what: str
    expected: str
    happened: str
    ok: bool


def judge(script: Script, happened: Happened) -> list[Finding]:
    """Everything the script expects of that complaint, held against what came of it."""
    expected = script.expect.get(happened.label)
    return list(_Judge(script, happened, expected).findings()) if expected else []


class _Judge:
    def __init__(self, script: Script, happened: Happened, expected: Expected) -> None:
        self.script, self.happened, self.expected = script, happened, expected
        self.kinds = [str(event["kind"]) for event in happened.events]

    def findings(self) -> Iterator[Finding]:
        """All of them, in the order a script has them."""
        for part in (self._end, self._clocks, self._due, self._letters, self._events, self._told, self._never):
            yield from part()

    def _finding(self, what: str, expected: object, happened: object, ok: bool | None = None) -> Finding:
        found = expected == happened if ok is None else ok
        shown = [", ".join(map(str, v)) or "–" if isinstance(v, list) else str(v or "–") for v in (expected, happened)]
        return Finding(about=self.happened.label, what=what, expected=shown[0], happened=shown[1], ok=found)

    def _end(self) -> Iterator[Finding]:
        for name in ("stage", "outcome"):
            if (wanted := getattr(self.expected, name)) is not None:
                yield self._finding(name, str(wanted), self.happened.case.get(name))

    def _clock(self, name: str) -> Json:
        return next((c for c in self.happened.clocks if c["name"] == name), {})

    def _clocks(self) -> Iterator[Finding]:
        for name, state in self.expected.clocks.items():
            yield self._finding(f"clock {name}", state, self._clock(name).get("state", "no such clock"))

    def _due(self) -> Iterator[Finding]:
        for name, wanted in self.expected.due.items():
            due: datetime | None = self._clock(name).get("due_at")
            ok = due is not None and abs(due - wanted) <= TOLERANCE
            shown = f"{due:%Y-%m-%d %H:%M}" if due else "no such clock"
            yield self._finding(f"due {name}", f"{wanted:%Y-%m-%d %H:%M}", shown, ok)

    def _letters(self) -> Iterator[Finding]:
        letters = self.happened.letters
        for name, wanted in (("letters", self.expected.letters), ("undelivered", self.expected.undelivered)):
            if wanted is not None:
                sent = [x["kind"] for x in letters if (x["state"] == "sent") == (name == "letters")]
                yield self._finding(name, list(wanted), sent)

    def _events(self) -> Iterator[Finding]:
        if not (wanted := self.expected.events):
            return
        left = iter(self.kinds)
        missing = next((kind for kind in wanted if kind not in left), None)  # each is looked for behind the one before
        happened = ["in_that_order"] if missing is None else [f"no {missing} in its place", "…", *self.kinds]
        yield self._finding("events", list(wanted), happened, missing is None)

    def _told(self) -> Iterator[Finding]:
        for kind, names in self.expected.told.items():
            wanted = [self.happened.holder if n == HANDLER else self.script.user(n) for n in names]
            told = list(dict.fromkeys(user for _, what, user in self.happened.notices if what == kind))
            yield self._finding(f"told {kind}", wanted, told, all(user in told for user in wanted))

    def _never(self) -> Iterator[Finding]:
        for kind in self.expected.never:
            times = self.kinds.count(kind)
            yield self._finding(f"never {kind}", "did_not_happen", f"{times} times" if times else "did_not_happen")
