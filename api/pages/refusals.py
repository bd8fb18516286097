"""Refusals in the reader's language, each with its mend; the API's own are English and stable, people read these."""

import re
from functools import cache
from typing import Any

from activities.render import when
from api.pages.sentences import FIELDS, REFUSALS, SENTENCES, SIZED
from api.pages.time_left import moment
from api.pages.words import name, say
from complaints.errors import Refused
from complaints.form import Language

NAMED = {
    "stage": "stage", "outcome": "outcome", "clock": "clock", "clocks": "clock", "needs": "role", "roles": "role",
    "decision": "decision", "unit": "unit", "channel": "channel", "kind": "redress", "staff_state": "staff_state",
    "known": "product",
}  # fmt: skip
"""What is varied, and which codes of the house stand there."""


SPOKEN_TO = "may_not_decide"
"""Its message speaks to somebody else than the reader."""


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Those with the most words of their own first, so that no wide one takes the place of a narrow one."""
    parted = [(re.split(r"{(\w+)}", message), sentence) for message, sentence in SENTENCES.items()]
    parted.sort(key=lambda one: -sum(len(words) for words in one[0][::2]))
    return [
        (re.compile("".join(f"(?P<{p}>.+)" if n % 2 else re.escape(p) for n, p in enumerate(parts)), re.DOTALL), said)
        for parts, said in parted
    ]


def sentence(language: Language, message: str) -> str | None:
    """The sentence for a message of the API; None where there is none."""
    for pattern, said in _patterns():
        if found := pattern.fullmatch(message):
            values = found.groupdict()
            return say(language, said) % {slot: _told(language, slot, value) for slot, value in values.items()}
    return None


def _told(language: Language, slot: str, value: str) -> str:
    """What stands in a slot: a time, or codes of the house, in words."""
    if slot == "at" and re.match(r"\d{4}-\d\d-\d\dT", value):
        at = moment(value)
        return when(at, language) if at else value
    if slot not in NAMED:
        return value
    codes = re.split(r", | or ", value)
    return ("、" if language == "zh-CN" else ", ").join(name(language, NAMED[slot], code) for code in codes)


def field_words(language: Language, code: str, message: str, ctx: dict[str, Any] | None) -> str:
    """What is wrong with a field, and what to enter instead; `ctx`: the limits that pydantic names."""
    if code != SPOKEN_TO and (told := sentence(language, message.removeprefix("Value error, "))):
        return told
    if code in SIZED and ctx and set(re.findall(r"%\((\w+)\)", SIZED[code])) <= set(ctx):
        return say(language, SIZED[code]) % ctx
    return say(language, FIELDS.get(code, FIELDS["value_error"]))


def refusal_words(language: Language, error: Refused) -> str:
    """Why it was refused, with the people, numbers and days it names."""
    if error.errors or error.code in ("unavailable", "key_reused"):
        return say(language, REFUSALS.get(error.code, REFUSALS["invalid"]))
    return sentence(language, error.message) or say(language, REFUSALS.get(error.code, REFUSALS["unknown"]))
