"""What a body leaves open: "{fee}" is a complaint's reference, "{boss}" a user name, "{at +2 days}" a moment."""

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

from run.drill.script import Script
from run.drill.times import BadTime, parse

_GAP = re.compile(r"\{(at )?([^{}]+)\}")


def fill(value: Any, word: Callable[[bool, str], str]) -> Any:
    """The body with every gap filled; `word` is asked with whether it is a time, and what is in the gap."""
    match value:
        case str():
            return _GAP.sub(lambda found: word(found[1] is not None, found[2]), value)
        case dict():
            return {key: fill(inner, word) for key, inner in value.items()}
        case list():
            return [fill(inner, word) for inner in value]
        case _:
            return value


def faults(body: Any, script: Script) -> list[str]:
    """What is wrong with the gaps of a body."""
    wrong: list[str] = []

    def look(is_time: bool, name: str) -> str:
        if is_time:
            try:
                if (anchor := parse(name).anchor) not in (None, "begin"):
                    wrong.append(f"a time in a body counts from the move itself or from begin, not from {anchor!r}")
            except BadTime as error:
                wrong.append(str(error))
        elif name not in script.complaints and name not in script.actors():
            known = ", ".join([*script.complaints, *sorted(script.actors())])
            wrong.append(f"nothing is called {name!r}; one of: {known}")
        return ""

    fill(body, look)
    return wrong


def near(name: str, known: Iterable[str]) -> str:
    """Names that look like this one."""
    return ", ".join(get_close_matches(name, list(known), 3, 0.4) or sorted(known)[:5])
