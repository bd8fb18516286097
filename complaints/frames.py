"""An error without its words, which may quote a row or an address: its kinds and places are enough to mend it."""

import traceback
from pathlib import Path

MOST_ERRORS, MOST_OF_OURS, MOST_OF_OTHERS = 6, 10, 3
_ROOT = str(Path(__file__).parents[1]) + "/"


def frames(error: BaseException) -> list[str]:
    """The kind of each error in the chain, newest first, each followed by where it came from: `file:line function`."""
    found: list[str] = []
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting and len(seen) < MOST_ERRORS:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        found.append(kind(current))
        found += _places(traceback.extract_tb(current.__traceback__))
        waiting.append(None if current.__suppress_context__ else current.__context__)
        waiting.append(current.__cause__)
        if isinstance(current, BaseExceptionGroup):
            waiting += current.exceptions
    return found


def kind(error: BaseException) -> str:
    """Its class, and what it stood for before it was sent from one process to another."""
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    sent = getattr(error, "type", None)
    return f"{name}[{sent}]" if isinstance(sent, str) and sent.isidentifier() else name


def _places(stack: traceback.StackSummary) -> list[str]:
    """Where it went through our own code, and the innermost places whosever they are."""
    ours = [place for place in stack if _is_ours(place.filename)][-MOST_OF_OURS:]
    last = stack[-MOST_OF_OTHERS:]
    shown = [place for place in stack if any(place is kept for kept in (*ours, *last))]
    return [f"  {_short(place.filename)}:{place.lineno} {place.name}" for place in shown]


def _is_ours(file: str) -> bool:
    return file.startswith(_ROOT) and "site-packages" not in file


def _short(file: str) -> str:
    return file.removeprefix(_ROOT).rpartition("site-packages/")[2]
