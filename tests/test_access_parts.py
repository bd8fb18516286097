"""The parts of cases that were in the register before it knew of parts are filled in when it is migrated."""

from typing import Any

from alembic import command
from given import NOW, RECEIVER, SUPERVISOR, body, handed_on, opened
from keys import MASTER, register_at
from sqlalchemy import Connection, MetaData, Table, create_engine, make_url, text

from complaints import messages as m
from complaints import procedure
from complaints.access import Parts, parts_of
from complaints.case import Case, case_view
from complaints.detours import incident, rounds, transfer
from complaints.names import Outcome
from register import migrate, read

Json = dict[str, Any]


def cases() -> list[Case]:
    """One plain, one that waits to be handed on, one handed on with an incident, one in its second round."""
    plain, waits, moved, again = opened(), handed_on(), handed_on(), handed_on()
    transfer.answer(moved, body(transfer.AnswerTransfer, RECEIVER, number=1, answer="accepted"), NOW)
    procedure.declare_major(moved, "agent", NOW)
    incident.acknowledge(moved, body(m.Acknowledge, SUPERVISOR, leader="man"), NOW)
    incident.give_task(moved, body(incident.GiveTask, SUPERVISOR, owner="eng", text="t"), NOW)
    transfer.answer(again, body(transfer.AnswerTransfer, RECEIVER, number=1, answer="rejected", reason="r"), NOW)
    later = NOW.replace(hour=15)
    assert rounds.another(again, Outcome.dissatisfied_exhausted, later)
    procedure.give(again, "card_centre", "second", "free", "process", later)
    return [plain, waits, moved, again]


def keep(db: Connection, case: Case, number: int) -> None:
    """A case as the register kept it before: its columns and its state, its clocks and transfers."""
    known, held = MetaData(), case.assignment
    names = ("complaint", "slaclock", "casetransfer")
    complaint, clock, moved = (Table(name, known, autoload_with=db) for name in names)
    reference = f"CMP-2026-{number:06d}"
    row: Json = case.model_dump(include={"stage", "round", "opened_at", "opened_by", "seq"})
    form = case.form.model_dump(include={"channel", "language", "received_at", "matter"})
    row |= {"reference": reference, "number": number, "kinds": [], "breached": False, "policy": "cn-2026-01-01"}
    assert held is not None
    row |= {"department": held.department, "handler": held.handler, "state": case_view(case)}
    db.execute(complaint.insert().values(row | form))
    for name, c in case.clocks.items():
        of_clock = {"name": name, "started_at": c.started_at, "due_at": c.due_at, "level": 0, "provisional": False}
        db.execute(clock.insert().values(reference=reference, **of_clock))
    columns = {c.name for c in moved.columns}
    for t in case.transfers:
        db.execute(moved.insert().values(reference=reference, handled=False, **t.model_dump(include=columns)))


async def test_the_register_of_before_learns_the_parts_of_its_cases_and_is_sealed(owner_url: str) -> None:
    with create_engine(owner_url, isolation_level="AUTOCOMMIT").connect() as server:
        server.execute(text("CREATE DATABASE of_before"))
    url = make_url(owner_url).set(database="of_before").render_as_string(hide_password=False)
    engine = create_engine(url)
    with engine.connect() as db:
        command.upgrade(migrate._config(db), "0004_detours")
        kept = cases()
        for number, case in enumerate(kept):
            keep(db, case, number)
        command.upgrade(migrate._config(db), "0005_parts")
        rows = db.execute(text("SELECT * FROM complaint ORDER BY number")).mappings().all()
        found = [Parts(**{name: row[name] for name in Parts.model_fields}) for row in rows]
        assert found == [parts_of(case) for case in kept]
        assert len({p.model_dump_json() for p in found}) == len(kept)
        db.commit()
    engine.dispose()
    migrate.migrate(url, MASTER)
    register = register_at(url)
    for number, case in enumerate(kept):
        assert await read.case_state(register, f"CMP-2026-{number:06d}") == case_view(case)
    async with register.connect() as db:
        left = (await db.execute(text("SELECT c::text FROM complaint c"))).scalars().all()
    assert len(left) == len(kept) and not any(case.form.matter in row for case in kept for row in left)
    await register.dispose()
