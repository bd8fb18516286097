"""Append-only notes of a run, one JSON object a line, on the disk before anything goes on."""

import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Json = dict[str, Any]


class Notes:
    """One file of notes; any thread may write."""

    def __init__(self, path: Path) -> None:
        self.path, self.lock = path, threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = path.open("a", encoding="utf-8")
        if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            self.file.write("\n")  # the one before was killed within a line

    def add(self, **note: Any) -> None:
        """Write one line, with the moment, and see that it is on the disk."""
        line = json.dumps({"at": datetime.now(UTC).isoformat(), **note}, ensure_ascii=False)
        with self.lock:
            self.file.write(line + "\n")
            self.file.flush()
            os.fsync(self.file.fileno())


def read(path: Path) -> list[Json]:
    """Every whole line; the last may be half a one, of a writer that was killed."""
    found = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found
