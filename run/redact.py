"""What no log may hold is masked by its shape, in every value; and no value can start a line of its own."""

import re
import unicodedata
from typing import Any

MASK = "***"
SECRET_NAMES = re.compile(r"pass(word|wd)?$|secret|token|authori[sz]ation|cookie|api_?key|private_?key", re.IGNORECASE)

_NO_NUMBER = r"\d{4}-\d\d-\d\d|\d{8}-[\da-f]{4}-"
"""A day, or an identifier that happens to begin with digits."""

# The order matters: what holds another is masked first.
_SHAPES: list[tuple[re.Pattern[str], str]] = [
    (re.compile(r"(\w[\w+.-]*://[^\s:/@]*:)[^\s@]+@"), rf"\1{MASK}@"),  # a password in an address
    (re.compile(r"(/c/)[\w%-]{6,}"), rf"\1{MASK}"),  # a customer's link
    (re.compile(r"\b(digest|absence)-[A-Za-z0-9._-]+"), rf"\1-{MASK}"),  # a process named after a person
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]*\.?[\w-]*"), MASK),  # a JSON web token
    (re.compile(r"\bamk_[\w-]+"), f"amk_{MASK}"),  # a service key
    (re.compile(r"(?i)((?:pass(?:word|wd)?|secret|token|api_?key)[\"']?\s*[=:]\s*[\"']?)[^\s\"',;&}]+"), rf"\1{MASK}"),
    (re.compile(r"[^\s<>()\[\]{},;:\"=/@]+@[^\s<>()\[\]{},;:\"'/@]+\.[^\s<>()\[\]{},;:\"'/@]+"), MASK),  # e-mail
    (re.compile(r"(?<![\w.-])\d{17}[\dXx](?![\w-])"), MASK),  # an identity number
    # Telephone, card and account numbers: seven digits or more, grouped or not.
    (re.compile(rf"(?<![\w.-])(?<!\d:)(?!{_NO_NUMBER})(?:\+|\(\+?)?\d(?:[ ()/-]{{0,2}}\d){{6,}}(?![\w-])"), MASK),
]
_LONGEST = 4_000


def text(value: str) -> str:
    """The words with every such shape masked, and nothing in them that is not seen as it is."""
    for shape, mask in _SHAPES:
        value = shape.sub(mask, value)
    value = "".join(_visible(c) for c in value)
    return value if len(value) <= _LONGEST else value[:_LONGEST] + "…"


def _visible(character: str) -> str:
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return character.encode("unicode_escape", "surrogatepass").decode()
    return character


def value(found: Any, name: str = "") -> Any:
    """Any value of a log line: containers are gone through, an error is told by its kind."""
    if SECRET_NAMES.search(name) and found is not None:
        return MASK
    if found is None or isinstance(found, (bool, float)):
        return found
    if isinstance(found, int):
        return found if abs(found) < 10**9 else text(str(found))
    if isinstance(found, BaseException):
        return type(found).__name__
    if isinstance(found, dict):
        return {text(str(k)): value(v, str(k)) for k, v in found.items()}
    if isinstance(found, (list, tuple, set, frozenset)):
        return [value(v) for v in found]
    return text(found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found))
