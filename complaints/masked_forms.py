"""What is known of a complainant, and where a text has it, however it is spaced, punctuated or written in capitals.

Text and values are squeezed to the characters that count, and the one is looked for in the other.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from itertools import islice

from complaints.masked_shapes import KEPT, Found, folded

TITLES = ("先生", "女士", "小姐", "太太", "夫人", "老师", "教授", "博士", "医生", "律师", "经理")
WESTERN_TITLES = frozenset(("mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "madam"))
BETWEEN_PARTS = re.compile(r"([\s,，、;；·•・.()（）/-]+)")
CHINESE = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")
PLACE = re.compile(r"[^\s,，、0-9]{1,12}?(?:特别行政区|自治区|自治州|省|市|州|盟)")
"""The first place of a Chinese address."""
_INSIDE_A_TOWN = re.compile("特别行政区|自治区|自治州|[省市州盟区县镇乡]|街道")
_ROAD = re.compile(r"[^省市州盟区县镇乡街\s,]{2,12}[路街道巷弄里村][0-9]{1,5}[号弄]")

SHORTEST = {"name": 2, "phone": 5, "email": 3, "address": 5, "customer_number": 4}
"""Below so many characters a value is everywhere in a text, and says nothing."""

MOST = 8
"""So many places, lines or roads of an address, and parts of a name, are looked for alone: each costs a look through
every text, and nobody has more."""

PASSED_OVER = " \t\n\r\u200b.,、;；·•・()/-"
_GAPS = re.compile(f"[{re.escape(PASSED_OVER)}]+")
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&#39;", '"': "&#34;"})
Forms = dict[str, str]
"""Squeezed, and which field it is of."""


def squeezed(text: str) -> str:
    """A folded text without what may stand between two characters of a value, in small letters."""
    text = _GAPS.sub("", text)
    small = text.lower()
    return small if len(small) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def forms(known: Mapping[str, str]) -> Forms:
    """Every way in which these values of a complainant may be written, squeezed; the longest first."""
    found: Forms = {}
    for kind, value in known.items():
        for text in (value, value.translate(_MARKUP)):  # as letters have it in HTML
            for form in map(squeezed, _FORMS[kind](folded(text))):
                if len(form) >= SHORTEST[kind]:
                    found.setdefault(form, kind)
    return dict(sorted(found.items(), key=lambda form: -len(form[0])))


def written(text: str, own: Forms) -> Iterator[Found]:
    """Where a folded text has one of these; not again inside a longer one."""
    small = squeezed(text)
    there = [form for form in own if form in small]
    if not there:
        return
    places = [place for place, character in enumerate(text) if character not in PASSED_OVER]
    ends = [0] * len(small)  # of the piece found there
    kept = _kept(text) if any(c.isdigit() for form in there for c in form) else bytearray()
    for form in there:
        length, digits = len(form), any(c.isdigit() for c in form)
        at = small.find(form)
        while at >= 0:
            step = max(1, ends[at] - length + 1 - at)  # to the next place that is not inside this piece
            if ends[at] < at + length:
                start, end = places[at], places[at + length - 1] + 1
                if digits and (last := kept.rfind(1, start, end)) >= 0:
                    step = bisect_right(places, last) - at
                elif _whole(text, start, end):
                    yield Found(start, end, own[form])
                    step, ends[at : at + length] = length, [at + length] * length
            at = small.find(form, at + step)


def _whole(text: str, start: int, end: int) -> bool:
    """It is not part of a longer word or number."""
    for outer, inner in ((text[start - 1 : start], text[start]), (text[end : end + 1], text[end - 1])):
        if outer.isascii() and outer.isalnum() and inner.isascii() and inner.isalnum():
            return False
    return True


def _kept(text: str) -> bytearray:
    """1 for each character that is part of a reference, a day or an amount."""
    kept = bytearray(len(text))
    for found in KEPT.finditer(text):
        kept[found.start() : found.end()] = b"\1" * (found.end() - found.start())
    return kept


def _name(value: str) -> Iterator[str]:
    parts = [p for p in BETWEEN_PARTS.split(value)[::2] if p and p.lower() not in WESTERN_TITLES]
    parts = [next((p.removesuffix(t) for t in TITLES if p.endswith(t) and len(p) > len(t) + 1), p) for p in parts]
    chinese = [p for p in parts if CHINESE.fullmatch(p)]
    western = [p for p in parts if not CHINESE.fullmatch(p)]
    yield value
    yield from ["".join(chinese)] if chinese == parts else chinese[:MOST]
    if western[1:]:
        yield from ("".join(western), "".join(reversed(western)))
        yield from (western[0] + western[-1], western[-1] + western[0])
    yield from western if len(parts) == 1 else ()
    alone = [part for part in western if len(part) > 1]
    yield from (title + part for part in alone[:MOST] for title in sorted(WESTERN_TITLES))


def _phone(value: str) -> Iterator[str]:
    number = "".join(re.findall("[0-9]", value))
    abroad = value.strip().startswith(("+", "00")) or len(number) > 12
    at_home = re.sub("^(?:00)?86(?=[0-9]{8})", "", number) if abroad else number
    yield from (number, at_home)
    if len(at_home) >= 10 and not re.fullmatch("1[3-9][0-9]{9}", at_home):
        yield from (at_home[-8:], f"0{at_home}")  # without its area code, and with it as it is dialled at home


def _address(value: str) -> Iterator[str]:
    yield value
    for place in islice(_INSIDE_A_TOWN.finditer(value), MOST):  # each time without one more of the places around it
        yield value[place.end() :]
    yield from _ROAD.findall(value)[:MOST]
    for parts in (value.splitlines(), re.split("[,\n]", value)):
        yield from islice((part for part in parts if len(part) > len("Flat 2") and re.search("[0-9]", part)), MOST)


def _as_it_is(value: str) -> Iterator[str]:
    yield value


_FORMS = {"name": _name, "phone": _phone, "email": _as_it_is, "address": _address, "customer_number": _as_it_is}
