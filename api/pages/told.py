"""What rules, reasons and events say, in the reader's words."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from api.pages.names import WHAT
from api.pages.time_left import moment
from api.pages.words import name, say
from complaints.form import Language

NUMBER = r"\d+(\.\d+)?"
SAID: tuple[tuple[str, str], ...] = (
    # complaints/approving.py and its like
    (r"redress (?P<value>\S+) (?P<currency>[A-Z]{3}) needs (?P<level>\w+)", "%(currency)s %(value)s needs %(level)s"),
    (r"handling round (?P<round>\d+) needs (?P<level>\w+)", "Handling round %(round)s needs %(level)s"),
    (r"(?P<label>\w+) needs (?P<level>\w+)", "“%(label)s” needs %(level)s"),
    (
        r"extension of (?P<clock>\w+) by (?P<amount>\d+) (?P<unit>\w+), to (?P<to>\S+)",
        "%(clock)s: %(amount)s more (%(unit)s), until %(to)s",
    ),
    (r"public answer for (?P<count>\d+) complaints", "One answer for %(count)s complaints"),
    # complaints/routing.py, activities/desk.py, complaints/detours/transfer.py
    (rf"(?P<score>{NUMBER}): (?P<row>[^()]+) \((?P<signs>.+)\)", "%(row)s (%(signs)s), weight %(score)s"),
    (r"(?P<row>[^()]+) \((?P<signs>.+)\)", "%(row)s (%(signs)s)"),
    (r"the form names (?P<named>.+)", "the form names %(named)s"),
    (r"no word or product of the table was met", "no word or product of the routing table was met"),
    (r"the department that has it", "the department that has it"),
    (r"nobody is free", "nobody is free"),
    (
        r"holds (?P<count>\d+) open cases, skilled in (?P<product>\w+)",
        "holds %(count)s open cases, skilled in %(product)s",
    ),
    (r"holds (?P<count>\d+) open cases", "holds %(count)s open cases"),
    (r"transfer (?P<count>\d+)", "transfer %(count)s"),
    (rf"text (?P<score>{NUMBER}) like (?P<named>\S+)", "text %(score)s like %(named)s"),
    # complaints/classify.py
    (
        rf"amount (?P<value>{NUMBER}) (?P<currency>[A-Z]{{3}}) >= (?P<limit>{NUMBER})",
        "amount %(currency)s %(value)s, from %(limit)s on",
    ),
    (
        rf"text: (?P<named>.+) = (?P<value>{NUMBER}) (?P<currency>[A-Z]{{3}}) >= (?P<limit>{NUMBER})",
        "“%(named)s”: %(currency)s %(value)s, from %(limit)s on",
    ),
    (r"affected_customers (?P<count>\d+)", "%(count)s customers affected"),
    (r"text: (?P<named>.+)", "“%(named)s”"),
    (r"product (?P<product>\w+)", "product: %(product)s"),
    (r"speaks of (?P<places>.+)", "speaks of %(places)s"),
    (r"no complainant was named", "no complainant was named"),
    (r"nature (?P<label>\w+)", "it is “%(label)s”"),
    (r"it is (?P<label>\w+)", "it is “%(label)s”"),
    (rf"signs of urgency below (?P<limit>{NUMBER})", "signs of urgency below %(limit)s"),
    (
        r"likelihood (?P<value>\d+) x impact (?P<impact>\d+) is (?P<risk>\w+)",
        "likelihood %(value)s × impact %(impact)s: %(risk)s",
    ),
    (r"no word of any rule for it was found", "no word of any rule for it was found"),
)
"""What the rules say, and how a page says it; tests/test_told.py holds it against the rules."""

CODES = {
    "level": "role", "label": "label", "clock": "clock", "unit": "unit", "product": "product", "risk": "risk",
}  # fmt: skip
Called = Mapping[str, str]
"""What departments are called, by their codes."""


def why_words(language: Language, why: str, called: Called | None = None) -> str:
    """Reasons, parted by semicolons, in words; what is not known here, such as what people wrote, as it stands."""
    parts = why.split("; ")
    said = [_why(language, one, called or {}) for one in parts]
    return why if said == parts else say(language, "; ").join(said)


def _why(language: Language, why: str, called: Called) -> str:
    for pattern, words in SAID:
        if found := re.fullmatch(pattern, why):
            return say(language, words) % {
                key: _value(language, key, value, called) for key, value in found.groupdict().items()
            }
    return why


def _value(language: Language, key: str, value: str, called: Called) -> str:
    match key:
        case "to":
            at = moment(datetime.fromisoformat(value))
            return f"{at:%Y-%m-%d %H:%M}" if at else value
        case "row":  # `credit card 信用卡`: the name of a row of the routing table, in both languages
            parts = re.fullmatch(r"(?P<en>[^\u3400-\u9fff]+) (?P<zh>[\u3400-\u9fff].*)", value)
            return parts["zh" if language == "zh-CN" else "en"] if parts else value
        case "signs" | "places":
            comma = "、" if language == "zh-CN" else ", "
            return comma.join(called.get(one) or why_words(language, one, called) for one in value.split(", "))
        case _:
            return name(language, CODES[key], value) if key in CODES else value


def rule(language: Language, text: str) -> str:
    """A clock's rule, `5 working_days, next_day, close_of_business (cn-2026-11-20)`, in words."""
    words = re.sub(r"[a-z]+(_[a-z]+)*(?=[ ,])", lambda word: name(language, "limit", word[0]), text)
    return re.sub(r"^1 (.*?)s,", r"1 \1,", words) if language == "en" else words


def source(language: Language, text: str) -> str:
    """Where a rule comes from, `R4.1, R4.3; operating document A ch. 4.1`, in words."""
    return say(language, "; ").join(_part_of_source(language, part) for part in text.split("; "))


def _part_of_source(language: Language, text: str) -> str:
    if found := re.fullmatch(r"operating documents? (?P<where>.+)", text):
        where = re.sub(r"ch\. ([\d.]+)", lambda chapter: say(language, "ch. %s") % chapter[1], found["where"])
        return say(language, "operating document %(where)s") % {"where": where}
    return say(language, text)


def fact(language: Language, key: str, value: Any, when: Callable[[str], str], called: Called) -> str:
    """One thing an event says, `limit: Resolution`; times by `when`."""
    values = value if isinstance(value, (list, tuple)) else [value]
    shown = (", " if language == "en" else "、").join(_fact_value(language, key, v, when, called) for v in values)
    return f"{name(language, 'fact', key)}: {shown}"


def _fact_value(language: Language, key: str, value: Any, when: Callable[[str], str], called: Called) -> str:
    if isinstance(value, bool):
        return say(language, "Yes" if value else "No")
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
        return when(value)
    if key == "why":
        return why_words(language, str(value), called)
    return name(language, WHAT[key], value) if key in WHAT and isinstance(value, str) else str(value)
