"""The knowledge library: how problems of a kind are handled, and what is answered (R13.1)."""

import re
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator
from rapidfuzz import fuzz

from complaints.form import Language
from complaints.names import Nature

Text = Annotated[str, Field(min_length=1, max_length=4000)]
PLACEHOLDER = {"zh": re.compile(r"【([^】]*)】"), "en": re.compile(r"\[([^\]]*)\]")}
FITS, OFFERED, NEAR = 3.0, 4, 75.0
"""What a case needs to be offered an entry; how many it is offered; how like a word must be that is not the same."""


class Words(BaseModel, extra="forbid"):
    """A text in both languages."""

    zh: Text
    en: Text

    def of(self, language: Language) -> str:
        """The text in that language."""
        return self.zh if language == "zh-CN" else self.en


class Lists(BaseModel, extra="forbid"):
    """Several texts in both languages."""

    zh: list[Text] = Field(min_length=1)
    en: list[Text] = Field(min_length=1)

    def of(self, language: Language) -> list[str]:
        """The texts in that language."""
        return self.zh if language == "zh-CN" else self.en


class Placeholder(BaseModel, extra="forbid"):
    """What a person fills in where it stands in a reply."""

    zh: Text
    zh_means: Text
    en_means: Text


class Entry(BaseModel, extra="forbid"):
    """One kind of problem: whom it concerns, how it is handled, what is answered; in force `since` that day."""

    id: str = Field(pattern=r"^[a-z][a-z_]{2,60}$")
    since: date
    title: Words
    products: list[str] = []
    natures: list[Nature] = []
    departments: list[str] = []
    words: Lists
    steps: Lists
    reply: Words

    def blanks(self, language: Language) -> list[str]:
        """What is to be filled in in the reply, each once, in the order of the text."""
        pattern = PLACEHOLDER["zh" if language == "zh-CN" else "en"]
        return list(dict.fromkeys(pattern.findall(self.reply.of(language))))


class Facts(BaseModel):
    """What of a case decides which entries fit it."""

    product: str | None = None
    nature: str | None = None
    department: str | None = None
    text: str = ""


class Knowledge(BaseModel, extra="forbid"):
    """The library, with what its placeholders mean."""

    source: Text
    placeholders: dict[str, Placeholder]
    entries: list[Entry]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        dated = [(entry.id, entry.since) for entry in self.entries]
        if twice := {str(key) for key in dated if dated.count(key) > 1}:
            raise ValueError(f"two entries of one id and day: {', '.join(sorted(twice))}")
        chinese = {placeholder.zh for placeholder in self.placeholders.values()}
        for entry in self.entries:
            unknown = set(entry.blanks("en")) - set(self.placeholders) | set(entry.blanks("zh-CN")) - chinese
            if unknown:
                raise ValueError(f"{entry.id}: say in `placeholders` what these mean: {', '.join(sorted(unknown))}")
        return self

    def at(self, day: date) -> list[Entry]:
        """The entries in force on that day, each in its latest text."""
        latest: dict[str, Entry] = {}
        for entry in sorted(self.entries, key=lambda e: e.since):
            if entry.since <= day:
                latest[entry.id] = entry
        return list(latest.values())

    def meaning(self, blank: str, language: Language) -> str:
        """What is to be filled in there."""
        if language == "en":
            return self.placeholders[blank].en_means
        return next(p.zh_means for p in self.placeholders.values() if p.zh == blank)


def find(entries: Iterable[Entry], facts: Facts | None, q: str = "") -> list[Entry]:
    """The entries for a case, the best four; or those that fit every word of `q`, all of them; the best first."""
    scored = [(_asked(entry, q) if q.strip() else _fit(entry, facts or Facts()), entry) for entry in entries]
    least = 0.1 if q.strip() else FITS
    best = sorted((pair for pair in scored if pair[0] >= least), key=lambda pair: -pair[0])
    return [entry for _, entry in (best if q.strip() else best[:OFFERED])]


def _fit(entry: Entry, facts: Facts) -> float:
    text = facts.text.lower()
    met = sum(word.lower() in text for word in entry.words.zh)
    met += sum(re.search(rf"\b{re.escape(word.lower())}", text) is not None for word in entry.words.en)
    return (
        2.0 * (facts.product in entry.products)
        + 1.0 * (facts.nature in entry.natures)
        + 1.0 * (facts.department in entry.departments)
        + 3.0 * min(met, 3)
    )


def _asked(entry: Entry, q: str) -> float:
    titles = f"{entry.title.zh} {entry.title.en} {' '.join(entry.words.zh + entry.words.en)}".lower()
    rest = " ".join((*entry.steps.zh, *entry.steps.en, entry.reply.zh, entry.reply.en)).lower()
    points = [_word(word, titles, rest) for word in q.lower().split()[:12]]
    return sum(points) if all(points) else 0.0


def _word(word: str, titles: str, rest: str) -> float:
    if word in titles:
        return 6.0
    if word in rest:
        return 2.0
    like = fuzz.partial_ratio(word, titles, score_cutoff=NEAR)
    return like / 50 if len(word) > 2 else 0.0
