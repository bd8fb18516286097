"""Whom an event is told to, by the register's own staff: role, department and region, and who stands in."""

from uuid import uuid4

from given import handed_on, opened
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from complaints.case import Case
from complaints.records import Recipient
from register import read, write
from register.tables import Staff


async def told(engine: AsyncEngine, case: Case, *recipients: Recipient) -> list[str]:
    """Who is told, in a case of its own, of an event for these."""
    case.reference = f"CMP-2026-{uuid4().int % 10**12}"
    case.unsaved = []
    case.note("noted", "agent", case.opened_at, {}, list(recipients))
    return await write.record(engine, case, case.unsaved)


async def test_a_transfer_is_told_to_the_region_it_goes_to(register: AsyncEngine) -> None:
    department = await read.handlers_with_load(register, "collections")
    there = {h["username"] for h in department if h["region"] == "北京"}
    assert 0 < len(there) < len(department)
    case = handed_on()
    [asked] = [e.tell for e in case.unsaved if e.kind == "transfer_asked"]
    assert set(await told(register, case, *asked)) == there
    anywhere = [r.model_copy(update={"region": None}) for r in asked]
    assert set(await told(register, case, *anywhere)) == {h["username"] for h in department}
    nobody_there = [r.model_copy(update={"region": "拉萨"}) for r in asked]
    assert set(await told(register, case, *nobody_there)) == {h["username"] for h in department}


async def test_for_one_who_is_away_the_supervisors_of_the_case_s_department_are_told(register: AsyncEngine) -> None:
    away = f"away.{uuid4().hex[:8]}"
    member = Staff(username=away, name="x", email="x@x", roles=["handler"], skills=[], state="leave", password="")
    async with register.begin() as db:
        await db.execute(insert(Staff).values(member.model_dump()))
    own = await read.rows(register, read.all_of(Staff).where(col(Staff.department) == "card_centre"))
    supervisors = {s["username"] for s in own if "supervisor" in s["roles"] and s["state"] == "working"}
    assert "supervisor.card_centre" in supervisors
    assert set(await told(register, opened(), Recipient(username=away))) == supervisors
    assert set(await told(register, opened(), Recipient(username="nobody"))) == supervisors
    unassigned = opened()
    unassigned.assignments = []
    anybody = set(await told(register, unassigned, Recipient(username=away)))
    assert "supervisor" in anybody and "supervisor.card_centre" not in anybody
