"""Staff whose accounts belong to an identity provider: put in at their first sign-in, brought up to date at each."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from register.columns import table
from register.tables import Department, Staff


@dataclass(frozen=True)
class Provided:
    """A member of staff as the provider has them; `changes`: what it says besides, such as roles."""

    provider: str
    subject: str
    username: str
    changes: dict[str, Any]


@dataclass(frozen=True)
class Changed:
    """What became of the account: whose it is, each field that changed, and whether it may be used."""

    username: str
    fields: dict[str, list[Any]]
    active: bool


async def put(db: AsyncConnection, person: Provided) -> Changed | None:
    """Make the account or bring it up to date; None when the user name is somebody else's.

    Who the person is says the subject alone: a user name given away again at the provider is refused, and one that
    was changed there stays what it was here, because it stands in the histories of cases.
    """
    fresh = Staff(  # nosec B106: an empty password, so that nobody can use one
        username=person.username,
        name=person.username,
        email="",
        roles=[],
        skills=[],
        password="",
        provider=person.provider,
        subject=person.subject,
    )
    make = insert(Staff).values(fresh.model_dump()).on_conflict_do_nothing().returning(col(Staff.username))
    is_new = (await db.execute(make)).first() is not None
    is_mine = (col(Staff.provider) == person.provider, col(Staff.subject) == person.subject)
    row = (await db.execute(select(table(Staff)).where(*is_mine).with_for_update())).mappings().first()
    if row is None:
        return None
    fields = {name: [row[name], value] for name, value in person.changes.items() if row[name] != value}
    if fields:
        await db.execute(update(Staff).where(*is_mine).values(person.changes))
    if is_new:
        fields = {"username": [None, person.username]} | fields
    return Changed(row["username"], fields, row["state"] != "disabled")


async def known_department(db: AsyncConnection, code: str) -> bool:
    """Whether there is a department of that code."""
    found = await db.execute(select(col(Department.code)).where(col(Department.code) == code))
    return found.first() is not None


async def member(db: AsyncConnection, username: str) -> Staff | None:
    """One member of staff, inside a transaction."""
    row = (await db.execute(select(table(Staff)).where(col(Staff.username) == username))).mappings().first()
    return Staff(**row) if row else None
