"""The master key of the tests, and a register opened with it."""

from sqlalchemy.ext.asyncio import AsyncEngine

from activities.channels import SEALED, PrintQueue
from complaints.names import case_of
from register.connect import engine
from register.sealing import box_of, print_place
from vault.keyring import Keyring
from vault.master import LocalMaster

MASTER_KEYS = LocalMaster.new("test")
MASTER = LocalMaster.parse(MASTER_KEYS)


def register_at(url: str, pool: int = 10) -> AsyncEngine:
    """A register with a keyring of its own: what one has remembered, another has not."""
    return engine(url, Keyring(MASTER), pool)


async def printed_letter(queue: PrintQueue, key: str) -> bytes:
    """The letter of that key as it waits in the print queue, opened."""
    async with queue.engine.connect() as db:
        box = await box_of(db, case_of(key))
    return box.open((queue.folder / f"{key}{SEALED}").read_bytes(), print_place(key))
