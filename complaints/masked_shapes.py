"""Where contact data stands in free text: by its shape whosever it is, and what is known of one complainant.

All of it takes a time proportional to the text. A text is looked at folded: full-width letters, digits of any script,
spaces and dashes as ASCII has them, every character in its place.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63"
_UNSEEN = "\u200c\u200d\u2060\ufeff\u00ad"
_DIGITS = [c for c in (*range(0x80, 0x10000), *range(0x1D7CE, 0x1D800)) if chr(c).isdecimal()]
_FOLDS = (
    {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    | {ord(c): " " for c in _SPACES}
    | {ord(c): "-" for c in _DASHES}
    | {ord(c): "\u200b" for c in _UNSEEN}
    | {code: str(unicodedata.decimal(chr(code))) for code in _DIGITS}
)


_TO_FOLD = re.compile(f"[{re.escape(''.join(map(chr, sorted(_FOLDS))))}]")


def folded(text: str) -> str:
    """The text as it is looked at; as long as before."""
    return text if text.isascii() else _TO_FOLD.sub(lambda found: _FOLDS[ord(found[0])], text)


class Found(NamedTuple):
    """A piece of a text, and what kind of contact data it is."""

    start: int
    end: int
    kind: str


# -- anybody's, by its shape ------------------------------------------------------------------------------------------

_BETWEEN = r"[ .()\u200b-]"
"""What people write between the digits of a number."""
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?:19|20)\d\d"
_MONTH = r"(?:0?[1-9]|1[0-2])"
_MONEY = "CNY|RMB|USD|EUR|HKD|JPY|GBP"

_KEPT = rf"""
    (?=[0-9]) (?<!\d) (?:
        {_YEAR} (?P<dash>[-/.]) {_MONTH} (?P=dash) {_DAY} (?!\d)
      | {_DAY} [-/.] {_DAY} [-/.] {_YEAR} (?!\d)
      | {_YEAR} (?:0[1-9]|1[0-2]) (?:0[1-9]|[12]\d|3[01]) (?:[01]\d|2[0-3]) [0-5]\d (?:[0-5]\d)? (?!\d)
      | (?<![,.]) \d{{1,3}} (?:,\d{{3}})++ (?:\.\d{{1,2}})? (?!\d)
      | (?<!\.) \d{{1,10}} (?:\.\d{{1,2}})? \ ? (?:[元万亿]|(?:{_MONEY})(?![a-z]))
      | (?<!\.) \d{{1,12}} \.\d\d (?![\d.]|{_BETWEEN}\d)
      | (?:\d{{3}}|0\d{{2,3}}-) \*{{4}} [0-9A-Z]{{0,4}} (?![0-9A-Z])
    )
  | (?=[CRUEHJG¥$€£*]) (?:
        (?<![a-z0-9]) CMP-\d{{4}}-\d{{6,12}} (?:-[AM]\d{{1,4}})? (?!\d)
      | (?: [¥$€£] | (?<![a-z])(?:{_MONEY})\ ?) (?: \d{{1,12}}\.\d\d | \d{{1,10}} ) (?![\d.]\d|\d)
      | \*{{4}} [0-9A-Z]{{0,4}} (?![0-9A-Z])
    )
"""
"""References, days and times, amounts, and what is masked already."""

_PHONE = rf"""
    (?=[0-9+]) (?<!\d) (?:(?:\+|00)?86{_BETWEEN}{{0,2}})? 1{_BETWEEN}?[3-9] (?:{_BETWEEN}{{0,2}}\d){{9}} (?!\d)
  | (?=[0(]) (?<!\d) \(? 0(?:10|2\d|[3-9]\d\d) [)\ -]{{1,2}} \d{{7,8}} (?!\d)
"""
_NUMBER = rf"""
    (?=[0-9]) (?<!\d) (?:
        (?: \d{{17}}[\dX] | \d{{6}}{_BETWEEN}\d{{8}}{_BETWEEN}\d{{3}}[\dX] ) (?![\dX])
      | (?: \d{{4}} (?:{_BETWEEN}\d{{4}}){{2,3}} (?:{_BETWEEN}\d{{1,4}})? | \d{{6}}{_BETWEEN}\d{{9,13}}
          | \d{{4}}{_BETWEEN}\d{{6}}{_BETWEEN}\d{{4,5}} | (?:\d\u200b*+){{12,19}} ) (?!\d)
    )
"""
_FLAGS = re.IGNORECASE | re.VERBOSE
KEPT = re.compile(_KEPT, _FLAGS)
NUMBERS = re.compile(rf"(?P<kept>{_KEPT}) | (?P<phone>{_PHONE}) | (?P<number>{_NUMBER})", _FLAGS)
DIGITS_TOGETHER = re.compile(r"[0-9][0-9 .()\u200b-]{9,}")
"""The only places where such a number can be; most texts have none."""
BEFORE, AFTER = 12, 12
"""How much around them says what they are: `CMP-`, `CNY `, `+86 (`, `0755-****`, `元`."""

_LOCAL = r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]"
_WORD = r"[^\W\x00-\x7f]"
ADDRESSES = re.compile(
    rf"""
    (?P<ascii> {_LOCAL}++ (?P<email> \ ?@\ ? (?: [a-z0-9-]++ (?:\.[a-z0-9-]++)+ | [\w-]++ (?:\.[\w-]++)+ ) )? )
  | (?P<other> {_WORD}++ (?P<email2> \ ?@\ ? [\w-]++ (?:\.[\w-]++)+ )? )
    """,
    _FLAGS,
)
"""Every word, and whether it is an e-mail address: each is read once."""


def anybodys(text: str) -> Iterator[Found]:
    """E-mail addresses, then telephone, identity card and bank card numbers, in a folded text."""
    if "@" in text:
        for word in ADDRESSES.finditer(text):
            if word["email"] or word["email2"]:
                yield Found(word.start(), word.end(), "email")
    done = 0
    for place in DIGITS_TOGETHER.finditer(text):
        for found in NUMBERS.finditer(text, max(done, place.start() - BEFORE), place.end() + AFTER):
            if found.start() >= place.end():
                break  # what begins further on may be cut here
            done = found.end()
            if found.lastgroup in ("phone", "number"):
                yield Found(found.start(), found.end(), found.lastgroup)
