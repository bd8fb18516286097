"""The product broken on purpose: each break is some text of a file replaced, and what the checker must find then."""

from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Change:
    """In that file, `old` (there exactly once) becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Break:
    """What is done to the product, and the finding (kind, rule) that it must lead to."""

    name: str
    changes: tuple[Change, ...]
    kind: str
    rules: tuple[str, ...]


class Gone(Exception):
    """The text to be replaced is not there any more, or more than once: the break has to be written anew."""


def apply(broken: Break, checkout: Path) -> None:
    """Break that checkout; nothing is written unless every text is there."""
    texts: dict[Path, str] = {}
    for change in broken.changes:
        path = checkout / change.file
        text = texts.get(path) or path.read_text("utf-8")
        if text.count(change.old) != 1:
            raise Gone(f"{broken.name}: {change.file} has this {text.count(change.old)} times:\n{change.old}")
        texts[path] = text.replace(change.old, change.new)
    for path, text in texts.items():
        path.write_text(text, "utf-8")


def _all() -> tuple[Break, ...]:
    said = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))["breaks"]
    return tuple(
        Break(one["name"], tuple(Change(**c) for c in one["changes"]), one["kind"], tuple(one["rules"])) for one in said
    )


BREAKS = _all()
