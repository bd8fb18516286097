"""Reading a rendered letter: its HTML page as blocks, and the blocks as plain text."""

from html.parser import HTMLParser
from typing import NamedTuple

TIGHT = ("li", "tr", "line")
"""Tags that follow one another without space: items of a list, rows of a table, lines of the signature."""

TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Unicode's embeddings, overrides and isolates. Arabic and Hebrew are read rightly without them."""


class Block(NamedTuple):
    """One piece of a page: its part (`subject letterhead facts opening body end sign`), its tag, its words.

    The tag is the page's own, but `end` for a paragraph before the signature and `line` for a line of it.
    """

    part: str
    tag: str
    text: str


class _Reader(HTMLParser):
    """Reads a rendered page into blocks; the parts are the elements that have an id."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[Block] = []
        self.part, self.open = "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.part = dict(attrs).get("id") or self.part
        if tag in ("title", "h1", "h2", "p", "li", "tr"):
            self.blocks.append(Block(self.part, {"end": "end", "sign": "line"}.get(self.part, tag), ""))
            self.open = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self.open:
            self.open = ""

    def handle_data(self, data: str) -> None:
        if self.open:
            last = self.blocks[-1]
            self.blocks[-1] = last._replace(text=last.text + data)


def upright(text: str) -> str:
    """Without the characters that turn the direction of what follows: one of them would rewrite our own words."""
    return "".join(c for c in text if c not in TURNING)


def one_line(text: str) -> str:
    """All white space, and with it every line end that could start a new mail header, as single spaces."""
    return " ".join(text.split())


def blocks(html: str) -> list[Block]:
    """The pieces of a page in order, the empty ones left out."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return [b._replace(text=text) for b in reader.blocks if (text := one_line(b.text))]


def plain(page: list[Block]) -> str:
    """The page as plain text: a blank line between paragraphs, none inside a list, a table or the signature."""
    text, before = "", ""
    for block in page:
        close = before == "h2" or (before == block.tag and block.tag in TIGHT)
        text += ("\n" if close else "\n\n") + ("- " if block.tag == "li" else "") + block.text
        before = block.tag
    return text.strip() + "\n"
