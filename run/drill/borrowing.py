"""A calendar of our choosing, borrowed for a clock that begins now.

Temporal's skipping clock starts at the real time. So that a drill or a test can begin on, say, Wednesday 30 September
2026 at 22:10, the real Chinese calendar is moved by whole days onto today, weekends with it, in a time zone in which it
is now ten past ten.
"""

import shutil
import struct
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import yaml

from policies.files import FOLDER
from policies.load import calendar
from policies.names import DEFAULT_JURISDICTION

DAY = timedelta(days=1)
EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001  # of wall clocks, which have no zone


@dataclass(frozen=True)
class Borrowed:
    """By how many days the calendar was moved, and the zone in which the office's wall clock is read."""

    days: timedelta
    zone: timezone

    def real(self, wall: datetime) -> datetime:
        """The true moment that a wall-clock time of the office stands for."""
        return (wall + self.days).replace(tzinfo=self.zone)

    def wall(self, moment: datetime) -> datetime:
        """The office's wall-clock time at that moment, without a zone."""
        return moment.astimezone(self.zone).replace(tzinfo=None) - self.days


def borrow(begin: datetime, now: datetime, step: timedelta) -> Borrowed:
    """So that it is now `begin` (no zone), to the minute or to the hour: `step` says which."""
    offset = (_cut(begin, step) - _cut(now.astimezone(UTC).replace(tzinfo=None), step)) % DAY
    zone = timezone(offset if offset <= DAY / 2 else offset - DAY)
    return Borrowed(days=now.astimezone(zone).date() - begin.date(), zone=zone)


def _cut(moment: datetime, step: timedelta) -> datetime:
    return moment - (moment - EPOCH) % step


def rules(folder: Path, borrowed: Borrowed, without: Sequence[str] = ()) -> Path:
    """The rules in that new folder, their calendar moved as borrowed; but for the topics in `without`."""
    real = calendar(DEFAULT_JURISDICTION)
    left_out = shutil.ignore_patterns(*(f"{topic}.yaml" for topic in without))
    shutil.copytree(FOLDER / DEFAULT_JURISDICTION, folder / DEFAULT_JURISDICTION, ignore=left_out)
    for path in FOLDER.glob("*.yaml"):
        shutil.copy(path, folder)
    (folder / "calendars").mkdir()
    days = borrowed.days
    moved = {
        "id": real.id,
        "time_zone": zone_name(borrowed.zone, folder.parent / "zones"),
        "opens": real.opens.isoformat("minutes"),
        "closes": real.closes.isoformat("minutes"),
        "weekend": [(d - 1 + days.days) % 7 + 1 for d in real.weekend],
        "known_from": real.known_from + days,
        "known_through": real.known_through + days,
        "extra_days_off": [d + days for d in real.days_off],
        "extra_make_up_days": [d + days for d in real.make_up_days],
        "source": f"{real.source}; moved by {days.days} days for a drill",
    }
    (folder / "calendars" / f"{real.id}.yaml").write_text(yaml.safe_dump(moved, allow_unicode=True))
    return folder


def zone_name(zone: timezone, folder: Path) -> str:
    """A name of that offset: the IANA one for whole hours, else one of our own, written as a zone file."""
    offset = zone.utcoffset(None)
    if not offset % timedelta(hours=1):
        return f"Etc/GMT{-(offset // timedelta(hours=1)):+d}"
    text = EPOCH.replace(tzinfo=zone).strftime("%z")
    path = folder / "Drill" / text
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_zone_file(offset, text))
    if str(folder) not in zoneinfo.TZPATH:
        zoneinfo.reset_tzpath([*zoneinfo.TZPATH, str(folder)])
    return f"Drill/{text}"


def _zone_file(offset: timedelta, text: str) -> bytes:
    """A time zone that never changes, as RFC 8536 lays it out: the same block twice, then the rule in words."""
    head = struct.pack(">4sc15x6l", b"TZif", b"2", 0, 0, 0, 0, 1, len(text) + 1)
    block = head + struct.pack(">lbB", int(offset.total_seconds()), 0, 0) + text.encode() + b"\0"
    posix = f"<{text}>{'-' if offset > timedelta(0) else '+'}{text[1:3]}:{text[3:5]}"  # POSIX counts westward
    return block + block + f"\n{posix}\n".encode()
