"""Two attempts of one sending at once: one froze, another was begun, and the first thaws. What goes out, goes out once."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from browser import newcomer
from contract import different
from office import Office
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.channels import HandingOver, Message, NotTaken, Rejected
from activities.digests import Digests
from activities.letters import Letters
from complaints.names import Way
from complaints.orders import LetterDone, LetterOrder, Person
from register import outbox, read
from register.tables import Digest, StaffNotice

NO = {"it is reserved": None, "the peer is away": NotTaken("OSError"), "the peer refuses": Rejected("SMTP 550")}
"""What the first attempt comes upon once it thaws."""


class Dead(BaseException):
    """The worker is killed here: nothing catches this."""


class Slow:
    """A mail peer: the first attempt freezes before it reserves; the second is in the middle when that one thaws."""

    def __init__(self, no: Exception | None, dies: bool) -> None:
        self.no, self.dies, self.calls, self.taken = no, dies, 0, 0
        self.frozen, self.thaw, self.midway, self.go_on = (asyncio.Event() for _ in range(4))

    async def deliver(self, message: Message, handing_over: HandingOver) -> None:
        self.calls += 1
        attempt = self.calls
        if attempt == 1:
            self.frozen.set()
            await self.thaw.wait()
            if self.no:
                raise self.no
        await handing_over()
        self.taken += 1
        if attempt == 2:
            self.midway.set()
            await self.go_on.wait()
            if self.dies:
                raise Dead

    async def two_attempts(self, attempt: Any) -> None:
        """The first freezes, the second hands over; the first thaws and comes to its end, then the second does."""
        first = asyncio.create_task(attempt())
        await self.frozen.wait()
        second = asyncio.create_task(self._watched(attempt))
        await self.midway.wait()
        self.thaw.set()
        await asyncio.gather(first, return_exceptions=True)
        self.go_on.set()
        await second

    async def _watched(self, attempt: Any) -> None:
        try:
            await attempt()
        except (Dead, ApplicationError):
            return


class Ways:
    """A post with one peer for mail, and a webhook."""

    def __init__(self, mail: Slow, webhook: Any = None) -> None:
        self.mail, self.webhook = mail, webhook

    def adapter(self, way: Way) -> Any:
        return self.mail


class Chat:
    """A group chat that is away the first time."""

    def __init__(self) -> None:
        self.calls = 0

    async def send(self, text: str, username: str, key: str, handing_over: HandingOver) -> None:
        self.calls += 1
        await handing_over()
        if self.calls == 1:
            raise NotTaken("HTTP 503")


@pytest.mark.parametrize("dies", [False, True], ids=["the second ends", "the second dies"])
@pytest.mark.parametrize("no", NO)
async def test_a_letter(register: AsyncEngine, office_of_the_file: Office, no: str, dies: bool) -> None:
    reference = str((await office_of_the_file.open(different()))["reference"])
    peer = Slow(NO[no], dies)
    ways: Any = Ways(peer)
    order = LetterOrder(
        reference=reference, letters={90: "acknowledgement"}, way=Way.email, written_at=datetime.now(UTC)
    )
    letters = Letters(register, ways)

    async def attempt() -> LetterDone:
        return (await ActivityEnvironment().run(letters.send_letters, order)).letters[90]

    await peer.two_attempts(attempt)
    assert (await attempt()).state == ("uncertain" if dies else "sent")
    [kept] = [row["state"] for row in await read.sendings(register, reference) if row["number"] == 90]
    assert (kept, peer.taken) == ("uncertain" if dies else "sent", 1)


@pytest.mark.parametrize("dies", [False, True], ids=["the second ends", "the second dies"])
@pytest.mark.parametrize("no", NO)
async def test_a_digest(register: AsyncEngine, office_of_the_file: Office, no: str, dies: bool) -> None:
    """The chat is away at first: its next attempt does not send the mail again."""
    person, peer, chat = await newcomer(office_of_the_file), Slow(NO[no], dies), Chat()
    ways: Any = Ways(peer, chat)
    now = datetime.now(UTC)
    told = StaffNotice(reference="CMP-2026-000043", seq=1, username=person, kind="assigned", at=now, data={})
    await outbox.tell(register, [told])
    digests = Digests(register, ways)

    async def attempt() -> None:
        await ActivityEnvironment().run(digests.send_digest, Person(username=person))

    await peer.two_attempts(attempt)
    for _ in range(3):
        try:
            await attempt()
        except ApplicationError as away:
            assert away.type == "NotTaken"
    [row] = await read.rows(register, read.all_of(outbox.t.Digest).where(col(Digest.username) == person))
    assert (row["mail"], row["webhook"]) == ("uncertain" if dies else "sent", "sent")
    assert (row["done_at"] is None, peer.taken) == (False, 1)
