"""A host whose clock jumps moves no deadline: neither the rules nor the processes ask it for the time.

`make chaos` never changes a machine's clock. What counts is the process's own time, which Temporal keeps.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(p for room in ("complaints", "workflows") for p in (ROOT / room).rglob("*.py"))
OWN_TIME = {
    ("workflow", "now"),
}
ASKS = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "perf_counter", "localtime", "gmtime"}


def asked(source: str) -> list[str]:
    """Every call that could ask the machine for the time, by its line."""
    calls = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
    found = []
    for call in calls:
        assert isinstance(call.func, ast.Attribute)
        of = call.func.value.id if isinstance(call.func.value, ast.Name) else ""
        owner = of in ("datetime", "date", "time", "dt", "workflow")
        if owner and call.func.attr in ASKS and (of, call.func.attr) not in OWN_TIME:
            found.append(f"line {call.lineno}: {of}.{call.func.attr}()")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_nobody_asks_the_host_for_the_time(path: Path) -> None:
    source = path.read_text("utf-8")
    assert asked(source) == []
    assert "from time import" not in source


def test_who_asked_would_be_seen() -> None:
    assert asked("import datetime\nat = datetime.now(UTC)\nday = date.today()\nfine = workflow.now()") == [
        "line 2: datetime.now()",
        "line 3: date.today()",
    ]
