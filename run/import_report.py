"""What people see of an import: how it goes, what was refused and why, what came of it."""

import csv
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from complaints.cfpb import Record
from complaints.masking import Mask

out = Console(highlight=False, markup=False, soft_wrap=True)
SHOWN = 20


class Refusals:
    """The refused rows: the first ones to show, all of them in a file beside the other data, as they were."""

    def __init__(self, path: Path) -> None:
        self.path, self.count = path, 0
        self.shown: list[tuple[int, str, str]] = []
        self._file: Any = None

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)  # of an earlier run
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def add(self, record: Record, reason: str) -> None:
        """Note a refused row."""
        self.count += 1
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            private = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._file = os.fdopen(private, "w", newline="", encoding="utf-8")
            csv.writer(self._file).writerow(["Line", "Refused because", *record.row])
        csv.writer(self._file).writerow([record.line, reason, *record.row.values()])
        if self.count <= SHOWN:
            # The file has the row as it came, to be mended; a terminal is looked at by others, and kept in logs.
            mask = Mask(None)
            number = mask.text(ascii(record.row["Complaint ID"])[1:-1])
            self.shown.append((record.line, number, mask.text(reason)))


@contextmanager
def bar(total: int) -> Iterator[Callable[[], None]]:
    """A progress bar with rate and time left; call what it gives for each row."""
    columns = (
        *(TextColumn("importing"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}")),
        *(TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=total, rate="")

        def done() -> None:
            progress.advance(task)
            state = progress.tasks[0]
            progress.update(task, rate=f"{state.completed / max(state.elapsed or 0, 0.1):.1f}/s")

        yield done


def show(counts: Counter[str], seconds: float, refusals: Refusals, opened: list[dict[str, Any]]) -> None:
    """Say what was refused and why, how many were opened, and what kind they are."""
    if refusals.shown:
        table = Table("line", "complaint", "why", title=f"refused; all {refusals.count} in {refusals.path}")
        for line, number, reason in refusals.shown:
            table.add_row(str(line), number, reason)
        out.print(table)
    names = ("read", "opened", "already open", "refused", "kept, not started", "not done")
    said = [f"{name} {counts[name]}" for name in names if counts[name] or name != "not done"]
    out.print(f"{', '.join(said)}; {seconds:.1f} s, {counts['read'] / max(seconds, 0.001):.1f} rows/s")
    for title, of in (
        ("nature", lambda row: [row["nature"]]),
        ("special kind", lambda row: row["kinds"] or ["none"]),
        ("department", lambda row: [row["department"] or "none yet: a person confirms the classification first"]),
    ):
        found: Counter[str] = Counter()
        for row in opened:
            for value in of(row):
                found[value] += row["cases"]
        if found:
            out.print(f"{title}: " + ", ".join(f"{value} {cases}" for value, cases in found.most_common()))
