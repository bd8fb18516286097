"""Writes a made-up history straight into the register, quickly: the rows the real writer makes, by COPY.

A life is lived once and told of many: its rows are kept as text with gaps (a Shape), and each case told after it fills
the gaps with its own reference, person, amounts and times, and is sealed with a key of its own. `SEEDED` as who opened
them marks these cases in the register; `remove` takes them out again.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql
from sqlmodel import SQLModel

from complaints.case import Case
from complaints.form import Complainant
from complaints.records import Event
from register import detour_tables as d
from register import tables as t
from register import write
from register.intake import PLACE
from register.outbox import TEXT
from register.sealing import NOTICE, indexes, letter_place, put
from register.usernames import SEEDED
from vault.box import Box
from vault.keyring import DataKey, Keyring

Row = dict[str, Any]
Connection = psycopg.Connection[Any]
PARTED, NEXT_TABLE = "\0", "\2"
"""Part what is sealed from what is not, and the tables; no JSON and no text of PostgreSQL's holds them."""
NUMBER, KEY = "\1number\1", "\1key\1"
FOUND_BY = ("customer_number_index", "email_index", "phone_index")
TABLES = (
    *(t.Intake, t.Complaint, t.CaseEvent, t.SlaClock, t.CaseAssignment, t.CaseApproval, t.CallbackTry, t.Sending),
    *(t.BoardNotice, d.CaseTransfer, d.CaseExtension, d.CaseDuty, d.MajorIncident),
)


class Clear(bytes):
    """What is to be sealed, and for which place."""

    place: str


class Unsealed(Box):
    """A box that leaves everything open: the rows of a life are sealed only as those of a case."""

    def seal(self, clear: bytes, place: str) -> bytes:
        """The same, with its place."""
        left = Clear(clear)
        left.place = place
        return left


@dataclass(frozen=True)
class Shape:
    """The rows of a life for COPY, one table after another; for each, in parts: as it is, to be sealed, as it is …

    `places` are those of what is to be sealed. All is one text, for its gaps are filled a million times.
    """

    text: str
    places: list[tuple[type[SQLModel], list[str]]]


@dataclass(frozen=True)
class Copy:
    """One case told after a life: the number it gets, what stands in the gaps, and who complains."""

    shape: Shape
    number: int
    reference: str
    gaps: dict[str, str]
    person: Complainant | None


@dataclass
class Letter:
    """What a letter of a life says."""

    number: int
    kind: str
    way: str
    language: str
    recipient: str
    subject: str
    body: str
    at: datetime


@dataclass
class Lived:
    """A life as it has to be written: the case, its history, its letters and its notice on the board."""

    case: Case
    events: list[Event]
    letters: list[Letter] = field(default_factory=list)
    notice: tuple[str, str] | None = None


def shape(lived: Lived, secret: bytes) -> Shape:
    """The rows of a life; `secret` is that of the blind indexes."""
    case, box = lived.case, Unsealed(key_id="", subject=lived.case.reference, key=b"")
    rows: dict[type[SQLModel], list[Row]] = {t.Intake: [_intake_row(case, box)]}
    rows |= write.rows_of(case, lived.events, box, secret)
    found = rows[t.Complaint][0]
    found |= {"number": NUMBER} | {name: name and f"\1{name}\1" for name in FOUND_BY if found[name]}
    found["erased_at"] = None
    if case.incident:
        rows[d.MajorIncident] = [write.incident_row(case, case.incident.leader)]
    rows[t.Sending] = [_sending_row(case, letter, box) for letter in lived.letters]
    if lived.notice and case.published_at:
        title, body = lived.notice
        content = put(box, NOTICE, {"title": title, "body": body})
        row = {"reference": case.reference, "published_at": case.published_at, "language": case.form.language}
        rows[t.BoardNotice] = [row | {"content": content}]
    there = {table: some for table, some in rows.items() if some}
    text = NEXT_TABLE.join("".join(_line(table, row) for row in some) for table, some in there.items())
    places = [
        (table, [value.place for row in some for value in _values(table, row) if isinstance(value, Clear)])
        for table, some in there.items()
    ]
    return Shape(text, places)


def _intake_row(case: Case, box: Box) -> Row:
    row = {"reference": case.reference, "number": NUMBER, "agent": SEEDED, "idempotency_key": KEY, "body_hash": KEY}
    times = {"recorded_at": case.opened_at, "started_at": case.opened_at}
    return row | times | {"tries": 0, "set_aside": None, "form": put(box, PLACE, case.form.model_dump(mode="json"))}


def _sending_row(case: Case, letter: Letter, box: Box) -> Row:
    said = {name: getattr(letter, name, None) for name in TEXT} | {"pdf": None}
    return {
        "reference": case.reference,
        **{name: getattr(letter, name) for name in ("number", "kind", "way", "language")},
        "content": put(box, letter_place(letter.number), said),
        "ordered_at": letter.at,
        "state": "sent",
        "message_id": f"{case.reference}-{letter.number}",
        "tries": 1,
        "done_at": letter.at,
        "error": None,
    }


def _columns(table: type[SQLModel]) -> list[str]:
    return [c.name for c in t.table(table).columns]


def _values(table: type[SQLModel], row: Row) -> Iterator[Any]:
    for name in _columns(table):
        yield row[name]


def _line(table: type[SQLModel], row: Row) -> str:
    return "\t".join(map(_cell, _values(table, row))) + "\n"


def _cell(value: Any) -> str:
    """A value as COPY's text format has it; what is to be sealed stays open, between two marks."""
    match value:
        case None:
            return r"\N"
        case Clear():
            return PARTED + value.decode() + PARTED
        case bool():
            return "t" if value else "f"
        case datetime():
            return value.isoformat()
        case list():
            quoted = (json.dumps(str(one), ensure_ascii=False) for one in value)
            return _escaped("{" + ",".join(quoted) + "}")
        case _:
            return _escaped(str(value))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def copy_in(db: Connection, keyring: Keyring, secret: bytes, copies: Iterable[Copy]) -> int:
    """Write these cases, all or none (the caller commits); gives how many rows they are."""
    blocks: dict[type[SQLModel], list[str]] = {table: [] for table in (DataKey, *TABLES)}
    for copy in copies:
        key = keyring.new_row(copy.reference)
        box = keyring.open_rows([(key["subject"], key["key_id"], key["master"], key["wrapped"])])[copy.reference]
        blocks[DataKey].append(_line(DataKey, key | {"wrapped": rf"\x{key['wrapped'].hex()}", "destroyed_at": None}))
        gaps = copy.gaps | {NUMBER: str(copy.number), KEY: f"seed:{copy.number}"}
        gaps |= {f"\1{name}\1": value or r"\N" for name, value in indexes(secret, copy.person).items()}
        text = copy.shape.text
        for gap, value in gaps.items():
            text = text.replace(gap, value)
        for (table, places), rows in zip(copy.shape.places, text.split(NEXT_TABLE), strict=True):
            parts = rows.split(PARTED)
            for n, place in enumerate(places):
                parts[2 * n + 1] = r"\\x" + box.seal(parts[2 * n + 1].encode(), place).hex()
            blocks[table] += parts
    return sum(_copy(db, table, lines) for table, lines in blocks.items() if lines)


def _copy(db: Connection, table: type[SQLModel], lines: list[str]) -> int:
    into = t.table(table)
    name = sql.Identifier(*filter(None, (into.schema, into.name)))
    columns = sql.SQL(", ").join(map(sql.Identifier, _columns(table)))
    with db.cursor() as cursor:
        with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(name, columns)) as copy:
            copy.write("".join(lines).encode())
        return cursor.rowcount


def numbers(db: Connection, count: int) -> list[int]:
    """So many of the register's own running numbers, which nobody else will get."""
    taken = db.execute("SELECT nextval(%s) FROM generate_series(1, %s)", [t.NUMBERS.name, count])
    return [int(row[0]) for row in taken]


def seeded(db: Connection) -> int:
    """How many seeded cases there are."""
    found = db.execute("SELECT count(*) FROM intake WHERE agent = %s", [SEEDED]).fetchone()
    return int(found[0]) if found else 0


def remove(db: Connection, at_once: int) -> int:
    """Take some seeded cases out with all that hangs on them, as the tables' owner; 0 when none is left."""
    query = "SELECT reference FROM intake WHERE agent = %s ORDER BY body_hash LIMIT %s"
    references = [row[0] for row in db.execute(query, [SEEDED, at_once])]
    if references:
        for table in SQLModel.metadata.tables.values():
            column = "subject" if table.name == DataKey.__tablename__ else "reference"
            if column in table.columns:
                name = sql.Identifier(*filter(None, (table.schema, table.name)))
                gone = sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)").format(name, sql.Identifier(column))
                db.execute(gone, [references])
    return len(references)
