"""Seals what the register keeps of a case with the case's key, and opens it again.

Sealed is JSON, bound to its column and row, so that nothing can be moved to another place unnoticed.
"""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from complaints.duplicates import SHORTEST_PHONE, digits
from complaints.form import Complainant
from vault.box import Box
from vault.index import blind
from vault.keyring import keyring_of

INDEX = "secret:index"
FORM, STATE = "complaint.form", "complaint.state"
ERASED: dict[str, Any] = {"erased": True}
"""What is read in the place of what was erased."""


def event_place(seq: int) -> str:
    """Where an event's data stands."""
    return f"caseevent.data {seq}"


def duty_place(number: int) -> str:
    """Where a duty's task stands."""
    return f"caseduty.task {number}"


def letter_place(number: int) -> str:
    """Where a letter stands."""
    return f"sending.content {number}"


def print_place(key: str) -> str:
    """Where a letter stands that waits to be printed."""
    return f"print {key}"


NOTICE = "boardnotice.content"


def divided(view: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A case's state as two: the form, which lists and searches open by the hundred, and the rest."""
    return view["form"], {name: value for name, value in view.items() if name != "form"}


async def box_of(db: AsyncConnection, reference: str, *, make: bool = False) -> Box:
    """The box of a case; KeyDestroyed when it was erased. `make`: for one that is just being kept."""
    return await keyring_of(db).box(db, reference, make=make)


async def boxes_of(db: AsyncConnection, references: Iterable[str]) -> dict[str, Box]:
    """The boxes of many cases; those that were erased have none."""
    return await keyring_of(db).boxes(db, references)


def put(box: Box, place: str, value: Any) -> bytes:
    """A value sealed for a place; the case is bound by its key."""
    return box.seal(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), place)


def take(box: Box | None, place: str, sealed: bytes | None) -> Any:
    """The value again; ERASED of a case that has no key any more."""
    if box is None or sealed is None:
        return dict(ERASED)
    return json.loads(box.open(sealed, place))


async def index_secret(db: AsyncConnection | AsyncEngine) -> bytes:
    """The secret of the blind indexes."""
    if (known := keyring_of(db).fresh(INDEX)) is not None:
        return known.key
    if isinstance(db, AsyncEngine):
        async with db.connect() as own:
            return await index_secret(own)
    return (await keyring_of(db).box(db, INDEX)).key


def indexes(secret: bytes, person: Complainant | None) -> dict[str, str | None]:
    """The columns by which a customer is found: customer number, e-mail, the end of a telephone number."""
    number = person and person.customer_number
    email, phone = person and person.email, digits(person.phone) if person else ""
    return {
        "customer_number_index": blind(secret, "customer_number", number.lower()) if number else None,
        "email_index": blind(secret, "email", email.lower()) if email else None,
        "phone_index": blind(secret, "phone", phone[-SHORTEST_PHONE:]) if len(phone) >= SHORTEST_PHONE else None,
    }
