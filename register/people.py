"""Departments and staff as an administrator keeps them."""

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from complaints.policy import Department as NamedDepartment
from register.tables import Department, Staff


async def add_departments(engine: AsyncEngine, departments: list[NamedDepartment]) -> None:
    """Add the departments that are not known yet."""
    rows = [d.model_dump() | {"open": True} for d in departments]
    async with engine.begin() as db:
        await db.execute(insert(Department).values(rows).on_conflict_do_nothing())


async def put_staff(engine: AsyncEngine, staff: list[Staff]) -> None:
    """Add these members of staff; who is known already is left as they are."""
    async with engine.begin() as db:
        await db.execute(insert(Staff).values([s.model_dump() for s in staff]).on_conflict_do_nothing())


async def change_staff(engine: AsyncEngine, username: str, **values: str) -> bool:
    """Change a member of staff; False when nobody has that user name."""
    async with engine.begin() as db:
        done = await db.execute(update(Staff).where(col(Staff.username) == username).values(**values))
    return done.rowcount == 1
