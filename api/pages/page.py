"""How a page of the console is made: who reads it, in which language, what they may go to; templates/desk/."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Annotated, Any, cast

from babel.dates import format_datetime
from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2.sandbox import ImmutableSandboxedEnvironment

from activities.render import LOCALES
from activities.templating import templates
from api import csrf
from api.access import Who, entry_of
from api.auth import SignedIn
from api.headers import DESK
from api.pages.names import NAMES
from api.pages.time_left import Left, left, moment, zone
from api.pages.told import fact, rule, source, why_words
from api.pages.words import NAMED, name, say
from api.parts import Parts, parts
from complaints.form import Language
from complaints.records import Actor
from register.sessions import Standing

PLACES = (
    ("new", "New complaint"),
    ("mine", "My cases"),
    ("calls", "Calls to make"),
    ("approvals", "Approvals"),
    ("team", "Team"),
    ("incidents", "Incidents"),
    ("ops", "Processes"),
    ("board", "Board"),
    ("complaints", "Cases"),
    ("query-log", "Query log"),
    ("audit", "Audit log"),
    ("knowledge", "Knowledge"),
    ("notices", "Notice board"),
)
"""Where one can go, in the order of the day; everybody sees what they may open."""


@dataclass(frozen=True)
class Problem:
    """A form that was refused: which, what was typed, what is wrong, and what others did meanwhile."""

    action: str
    status: int
    message: str
    filled: Mapping[str, list[str]] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    news: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Reader:
    """Who reads a page, and what it is made with."""

    request: Request
    here: Parts
    who: Actor
    standing: Standing

    @property
    def language(self) -> Language:
        """The language the person reads."""
        return cast(Language, self.standing.language)

    @property
    def base(self) -> str:
        """The way from this page to the root; relative, because a proxy may have a prefix of its own."""
        return "../" * (self.request.url.path.count("/") - 1) or "./"

    @property
    def places(self) -> list[tuple[str, str]]:
        """Where that person may go, and what it is called."""
        return [(path, label) for path, label in PLACES if self.may("GET", f"/desk/{path}")]

    def may(self, method: str, path: str) -> bool:
        """Whether that person may do that to some case at all."""
        entry = entry_of(method, path)
        return entry is not None and bool(entry.scopes(self.who))

    def say(self, text: str) -> str:
        """A text of the catalogue in the reader's language."""
        return say(self.language, text)

    def page(self, template: str, values: Mapping[str, Any], status: int = 200) -> HTMLResponse:
        """That template for this reader."""
        own = {
            "reader": self,
            "base": self.base,
            "now": self.here.clock(),
            "places": self.places,
            "csrf_token": csrf.token(self.here.secret, self.standing.id),
            "request_id": lambda: secrets.token_urlsafe(16),
            "done": self.request.query_params.get("done"),
            "problem": None,
            "stamp": stamp(),
        }
        html = _environment(self.language).get_template(template).render(**(own | dict(values)))
        return HTMLResponse(html, status, {"Content-Security-Policy": DESK})

    def to(self, path: str) -> RedirectResponse:
        """On to another page."""
        return RedirectResponse(self.base + path, 303, {"Cache-Control": "no-store"})


def _reader(request: Request, here: Annotated[Parts, Depends(parts)], who: Who, standing: SignedIn) -> Reader:
    return Reader(request, here, who, standing)


Reads = Annotated[Reader, Depends(_reader)]


@cache
def stamp() -> str:
    """A digest of the static files, so that a browser never keeps an old one beside a new page."""
    static = files("templates") / "static"
    return sha256(b"".join(sorted(f.read_bytes() for f in static.iterdir() if f.is_file()))).hexdigest()[:12]


def _iso(value: datetime | date | str) -> str:
    """As HTML wants a time: to the second; or a day."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    at = moment(value)
    return at.isoformat(timespec="seconds") if at else ""


def _tells(value: Any) -> bool:
    return value not in (None, "", [], False) and not isinstance(value, dict)


def _called(language: Language, departments: list[dict[str, Any]]) -> dict[str, str]:
    return {d["code"]: d["zh" if language == "zh-CN" else "en"] for d in departments}


@cache
def _environment(language: Language) -> ImmutableSandboxedEnvironment:
    """The templates of the console, speaking that language."""
    locale, _, day_pattern = LOCALES[language]

    def when(value: datetime | str | None, pattern: str = "%Y-%m-%d %H:%M") -> str:
        at = moment(value)
        return at.strftime(pattern) if at else ""

    def day(value: datetime | str | None) -> str:
        at = moment(value)
        return format_datetime(at, day_pattern, tzinfo=zone(), locale=locale) if at else ""

    def time_left(value: datetime | str, now: datetime | None = None, *, stands: bool = False) -> Left:
        at = moment(value)
        assert at is not None
        return left(at, now or datetime.now(UTC), language, stands=stands)

    def codes(what: str, but: tuple[str, ...] = ()) -> list[tuple[str, str]]:
        return [(code, name(language, what, code)) for code in NAMES[what] if code not in but]

    def facts(data: dict[str, Any] | None, departments: list[dict[str, Any]]) -> list[str]:
        called = _called(language, departments)
        told = {key: value for key, value in (data or {}).items() if _tells(value)}
        told |= {key: called.get(told[key], told[key]) for key in ("department", "from", "to") if key in told}
        return [fact(language, key, value, when, called) for key, value in told.items()]

    env = templates("desk")
    env.globals.update(
        _=lambda text, **values: say(language, text) % values if values else say(language, text),
        name=lambda what, code: name(language, what, code),
        codes=codes,
        rule=lambda text: rule(language, text),
        source=lambda text: source(language, text),
        why=lambda text, departments: why_words(language, text, _called(language, departments)),
        pairs=lambda values: [(value, value) for value in values],
        numbers=lambda first, last: [(str(n), str(n)) for n in range(first, last + 1)],
        facts=facts,
        time_left=time_left,
        languages=NAMED,
        language=language,
    )
    env.filters.update(when=when, day=day, moment=moment, iso=_iso)
    return env
