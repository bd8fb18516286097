"""What the demonstration complaints say, and who complains; nobody of them exists, and each name says so."""

from datetime import datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import yaml

from complaints.form import Complainant, Language

FILE = Path(__file__).with_name("texts.yaml")


class Told(NamedTuple):
    """One complaint to be told: its text with gaps, and what will be found to be its cause."""

    language: Language
    product: str
    cause: str
    matter: str
    demand: str


@cache
def texts() -> Any:
    """The file of texts."""
    return yaml.safe_load(FILE.read_text("utf-8"))


@cache
def told(kind: str | None = None) -> list[Told]:
    """The ordinary complaints in both languages, or those of a special kind."""
    file = texts()
    chinese = [
        Told(language="zh-CN", **one) for one in (file["special"][kind] if kind else file["complaints"]["zh-CN"])
    ]
    return chinese + [Told(language="en", **one) for one in ([] if kind else file["complaints"]["en"])]


@cache
def _of(language: Language, kind: str | None) -> list[Told]:
    return [one for one in told(kind) if one.language == language]


def choose(dice: Random, kind: str | None = None) -> Told:
    """One of them; three in four are in Chinese."""
    return dice.choice(_of("zh-CN" if kind or dice.random() < 0.75 else "en", kind))


def answers(one: Told) -> list[str]:
    """Findings, responsibility, measures and reply for it."""
    found: list[str] = texts()["answers"][one.language][one.cause]
    return found


def place(dice: Random, language: Language) -> str:
    """A branch that does not exist."""
    return str(dice.choice(texts()["places"][language]))


def day(moment: datetime, language: Language) -> str:
    """A day as a complainant says it."""
    return f"{moment.month}月{moment.day}日" if language == "zh-CN" else f"{moment:%-d %B}"


def money(value: str, language: Language) -> str:
    """An amount as a complainant says it; in Chinese the text names the unit."""
    return value if language == "zh-CN" else f"CNY {value}"


def person(number: int, language: Language) -> Complainant:
    """The customer of that number, the same each time: a name that is nobody's, contact data that lead nowhere."""
    names = texts()["names"][language]
    given, surname = names["given"], names["surnames"]
    first, last = given[number % len(given)], surname[number // len(given) % len(surname)]
    return Complainant.model_construct(
        name=f"{last}{first}（演示）" if language == "zh-CN" else f"{first} {last} (demo)",
        phone=f"100{number:08d}",
        email=f"customer{number:08d}@customer.example",
        customer_number=f"C{number:08d}",
    )
