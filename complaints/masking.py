"""Masks for contact data: one field at a time, and wherever it stands in free text. Masking twice changes nothing.

A mask never says how long the value was. What is left of it is enough to tell two customers apart, not to find one.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from complaints.masked_forms import BETWEEN_PARTS, CHINESE, PLACE, TITLES, WESTERN_TITLES, forms, written
from complaints.masked_shapes import Found, anybodys, folded

HIDDEN = "****"
REST = "**"
"""Of one part of a name."""
LOOKS = 3
"""What is left beside a mask can look like a number in its turn."""

SURNAMES = frozenset(
    re.findall(
        "..",
        "欧阳太史端木上官司马东方独孤南宫万俟闻人夏侯诸葛尉迟公羊赫连澹台皇甫宗政濮阳公冶太叔申屠公孙慕容仲孙钟离长孙宇文司徒鲜于司空令狐百里"
        "呼延东郭南门歐陽司馬東方獨孤南宮萬俟聞人諸葛尉遲澹臺濮陽公孫仲孫鍾離鐘離長孫鮮于東郭南門",
    )
)
"""Chinese surnames of two characters."""

MASKED_PHONE = re.compile(r"(?:\+(?:86 )?)?(?:\d{3}|0\d{2,3}-)?\*{4}(?:[0-9A-Za-z]{0,4})")


def name(value: str) -> str:
    """张三丰 is 张**, 欧阳娜娜 is 欧阳**, Li Ang is L** A**; titles stay."""
    parts = BETWEEN_PARTS.split(value)
    if len(parts) > 1 and CHINESE.fullmatch(together := re.sub(r"\s+", "", value)):
        return _part(together)  # written with spaces between its characters
    return "".join(_part(part) if place % 2 == 0 else part for place, part in enumerate(parts))


def _part(part: str) -> str:
    if not part or part == REST or part.lower() in WESTERN_TITLES:
        return part
    title = next((t for t in TITLES if part.endswith(t) and len(part) > len(t)), "")
    rest = part.removesuffix(title)
    if rest == REST:
        return part
    shown = rest[:2] if rest[:2] in SURNAMES and len(rest) > 2 else rest[: len(rest) > 1]
    return f"{shown}{REST}{title}"


def phone(value: str) -> str:
    """13812345678 is 138****5678, 021-51234567 is 021-****4567, 95588 is ****88; +86 stays."""
    plain = folded(value).strip()
    if MASKED_PHONE.fullmatch(plain):
        return plain
    number, country = "".join(re.findall("[0-9]", plain)), ""
    if at_home := re.fullmatch(r"(?:0086|86(?=1[3-9][0-9]{9}$))(.+)", number) or (
        re.fullmatch(r"86(.+)", number) if plain.startswith("+") else None
    ):
        number, country = at_home[1], "+86 "
    elif plain.startswith("+"):
        return f"+{_tail(number)}"
    if re.fullmatch("1[3-9][0-9]{9}", number):
        return f"{country}{number[:3]}{HIDDEN}{number[-4:]}"
    area = re.match("0(?:10|2[0-9]|[3-9][0-9]{2})(?=[0-9]{7,8}$)", number)
    return f"{country}{f'{area[0]}-' if area else ''}{_tail(number)}"


def email(value: str) -> str:
    """zhang@example.com is z***@example.com; a domain that is not ASCII is hidden, too."""
    local, _, domain = "".join(folded(value).split()).rpartition("@")
    shown = local if re.fullmatch(r".?\*{3}", local) else f"{local[: len(local) > 1]}***"
    return f"{shown}@{domain if domain.isascii() else '***'}"


def address(value: str) -> str:
    """Of a Chinese address its first place is left, 上海市***; of another one its last, if it has no number."""
    if first := PLACE.match(value.strip()):
        return f"{first[0]}***"
    last = re.split("[,，\n]", value.strip())[-1].strip()
    inland = last == value.strip() or CHINESE.search(last) or re.search(r"\d|\*", last) or len(last) > 40
    return "***" if inland else f"***, {last}"


def number(value: str) -> str:
    """The last four characters, of a short one at most half."""
    return value if re.fullmatch(r"\*{4}.{0,4}", value, re.DOTALL) else _tail(value)


def _tail(value: str) -> str:
    return HIDDEN + value[max(len(value) - 4, -(-len(value) // 2)) :]


FIELDS: dict[str, Callable[[str], str]] = {
    "name": name,
    "phone": phone,
    "email": email,
    "address": address,
    "customer_number": number,
}
"""What of a complainant is contact data, and its mask."""

KINDS: dict[str, Callable[[str], str]] = {**FIELDS, "number": lambda found: number("".join(re.findall(r"\w", found)))}


def complainant(person: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The complainant with every contact field masked."""
    if person is None:
        return None
    return {key: FIELDS[key](value) if key in FIELDS and value else value for key, value in person.items()}


class Mask:
    """Masks free text: what is known of this complainant, and by its shape what looks like contact data of anybody."""

    def __init__(self, person: Mapping[str, Any] | None) -> None:
        known = {key: str(person[key]) for key in FIELDS if person.get(key)} if person else {}
        self._own = forms(known)

    def text(self, text: str) -> str:
        """The text with every such value masked."""
        for _ in range(LOOKS):
            plain = folded(text)
            before, text = text, _replaced(text, [*written(plain, self._own), *anybodys(plain)])
            if text == before:
                break
        return text

    def json(self, value: Any, plain: frozenset[str] = frozenset()) -> Any:
        """Every text inside a JSON value masked, but what stands under a key in `plain`: codes of our own."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {k: v if k in plain else self.json(v, plain) for k, v in value.items()}
            case list() | tuple():
                return [self.json(v, plain) for v in value]
        return value


def _replaced(text: str, found: Iterable[Found]) -> str:
    """Each piece by its mask; where two overlap, both by the mask of the first."""
    pieces: list[Found] = []
    for piece in sorted(found, key=lambda f: (f.start, -f.end)):
        if pieces and piece.start < pieces[-1].end:
            pieces[-1] = pieces[-1]._replace(end=max(piece.end, pieces[-1].end))
        else:
            pieces.append(piece)
    parts, end = [], 0
    for piece in pieces:
        parts += [text[end : piece.start], KINDS[piece.kind](text[piece.start : piece.end])]
        end = piece.end
    return "".join([*parts, text[end:]])
