"""A letter on paper: A4, letterhead, page numbers, Chinese and Latin script in one line.

Nothing is embedded: Helvetica and Adobe's STSong-Light are fonts that every PDF reader brings along.
"""

import re
from collections.abc import Iterable
from functools import cache
from io import BytesIO
from itertools import groupby
from typing import NamedTuple
from unicodedata import category, normalize

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth
from reportlab.pdfgen.canvas import Canvas

from activities.letter_page import TIGHT, Block

LATIN, CHINESE = "Helvetica", "STSong-Light"
registerFont(UnicodeCIDFont(CHINESE))

LEFT, TOP, BOTTOM = 25 * mm, A4[1] - 32 * mm, 22 * mm
WIDTH = A4[0] - 2 * LEFT
LEADING = 1.5
SIZES = {"h1": 15.0, "h2": 11.5}
"""Type size of the headings; everything else is 10.5 points, the usual size of Chinese letters (五号)."""

# What stays together on a line: opening brackets, one word or one Chinese character, closing punctuation, blanks.
TOKEN = re.compile(r"[“‘（《【「]*(?:[!-~\u00a1-\u024f]{1,32}|.)[，。、；：！？”’）》】」…]* *", re.DOTALL)


class _Set(NamedTuple):
    """One line as it is set; `keep`: it must not end a page."""

    gap: float
    size: float
    text: str
    bold: bool = False
    keep: bool = False
    right: bool = False


def _can(character: str, codec: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


@cache
def _font(character: str, language: str) -> str:
    """Latin letters in Helvetica; quotation marks and dashes, which both have, in the font of the letter's language."""
    both = _can(character, "gbk") and not _can(character, "latin-1")
    return LATIN if _can(character, "cp1252") and (language == "en" or not both) else CHINESE


def _printable(text: str) -> str:
    """A character that neither font has (an emoji, a name's rarest characters) is printed as 〓, the mark for it."""
    seen = (c for c in normalize("NFC", text) if category(c) != "Cf")
    return "".join(c if _can(c, "cp1252") or _can(c, "gbk") or "\u3400" <= c <= "\u9fff" else "〓" for c in seen)


def _width(text: str, size: float, language: str) -> float:
    return sum((float(stringWidth(c, _font(c, language), size)) for c in text), 0.0)


def wrap(text: str, size: float, language: str, width: float = WIDTH) -> list[str]:
    """The text in lines that fit; no word is torn and no line begins with closing punctuation."""
    lines, used = [""], 0.0
    for token in TOKEN.findall(_printable(text)):
        if lines[-1] and used + _width(token.rstrip(), size, language) > width:
            lines.append("")
            used = 0.0
        lines[-1] += token
        used += _width(token, size, language)
    return lines


def _set(page: Iterable[Block], language: str) -> list[_Set]:
    found, before = [], ""
    for _, tag, text in page:
        size = SIZES.get(tag, 10.5)
        right = tag == "line" and language == "zh-CN"  # a Chinese letter is signed on the right
        gap = 0.0 if tag == before in TIGHT or before == "h2" else size * (1.1 if tag in SIZES else 0.6)
        for number, line in enumerate(wrap(("• " if tag == "li" else "") + text, size, language)):
            found.append(_Set(0.0 if number else gap, size, line, tag in SIZES, tag in (*SIZES, "end"), right))
        before = tag
    return found


def _pages(lines: list[_Set]) -> list[list[_Set]]:
    pages: list[list[_Set]] = [[]]
    y = TOP
    for line in lines:
        y -= line.gap + line.size * LEADING
        if y < BOTTOM + (70 if line.keep else 0) and pages[-1]:
            pages.append([])
            y = TOP - line.size * LEADING
        pages[-1].append(line)
    return pages


def _draw(canvas: Canvas, x: float, y: float, size: float, text: str, language: str, bold: bool = False) -> None:
    canvas.saveState()
    canvas.setLineWidth(0.35)
    cursor = canvas.beginText(x, y)
    cursor.setTextRenderMode(2 if bold else 0)  # filled and outlined: the Chinese font has no bold of its own
    for font, run in groupby(text, lambda c: _font(c, language)):
        cursor.setFont(font, size)
        cursor.textOut("".join(run))
    canvas.drawText(cursor)
    canvas.restoreState()


def pdf(letter: Iterable[Block], title: str, bank: str, reference: str, language: str, to: list[str]) -> bytes:
    """The letter as a PDF file; the same letter gives the same bytes."""
    file = BytesIO()
    canvas = Canvas(file, pagesize=A4, invariant=1, pageCompression=0, lang=language)
    canvas.setTitle(title)
    canvas.setAuthor(bank)
    address = [_Set(0.0, 10.5, part) for line in to for part in wrap(line, 10.5, language, WIDTH / 2)]
    pages = _pages(address + _set(letter, language))
    for number, page in enumerate(pages, start=1):
        _draw(canvas, LEFT, A4[1] - 22 * mm, 14, wrap(bank, 14, language)[0], language, bold=True)
        canvas.line(LEFT, A4[1] - 26 * mm, A4[0] - LEFT, A4[1] - 26 * mm)
        y = TOP
        for line in page:
            y -= (0.0 if line is page[0] else line.gap) + line.size * LEADING
            x = LEFT + (WIDTH - _width(line.text, line.size, language) if line.right else 0.0)
            _draw(canvas, x, y, line.size, line.text, language, line.bold)
        foot = f"{reference}    {number} / {len(pages)}"
        _draw(canvas, A4[0] - LEFT - _width(foot, 9, language), 14 * mm, 9, foot, language)
        canvas.showPage()
    canvas.save()
    return file.getvalue()
