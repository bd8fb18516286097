"""`amends print`: what waits is opened for the print room once, though a worker writes it again."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from contract import different
from keys import MASTER_KEYS
from office import PLAIN, Office
from pydantic import SecretStr
from temporalio.testing import ActivityEnvironment

from activities.channels import SEALED, Message, Post, PrintQueue
from activities.letters import Letters
from complaints.names import Way
from complaints.orders import LetterOrder
from register import outbox, read
from run import printing, proof
from run.settings import Settings


class Dead(BaseException):
    """The worker is killed here: nothing catches this."""


@pytest.fixture
def queue(office_of_the_file: Office, tmp_path: Path) -> PrintQueue:
    return PrintQueue(folder=tmp_path / "queue", engine=office_of_the_file.engine)


@pytest.fixture
def settings(queue: PrintQueue, database_url: str, tmp_path: Path) -> Settings:
    keys = SecretStr(MASTER_KEYS)
    return Settings(database_url=SecretStr(database_url), master_keys=keys, print_queue=queue.folder, data=tmp_path)


async def opened(office: Office) -> str:
    person = PLAIN["complainant"] | {"address": "上海市示范路1号"}
    return str((await office.open(different(complainant=person)))["reference"])


def printed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*"))


async def test_a_letter_whose_worker_died_before_it_knew_is_printed_once(
    office_of_the_file: Office, queue: PrintQueue, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = await opened(office_of_the_file)
    key, first, later = f"{reference}-70", tmp_path / "first", tmp_path / "later"
    order = LetterOrder(
        reference=reference, letters={70: "acknowledgement"}, way=Way.post, written_at=datetime.now(UTC)
    )
    send, move = Letters(queue.engine, Post(print_queue=queue)).send_letters, outbox.move

    async def dies(*args: Any, **more: Any) -> bool:
        if args[5] == "sent":
            raise Dead
        return await move(*args, **more)

    with monkeypatch.context() as patch, pytest.raises(Dead):
        patch.setattr(outbox, "move", dies)
        await ActivityEnvironment().run(send, order)
    await printing.release(settings, first, "tests")
    assert printed(first) == [f"{key}.pdf"]
    done = await ActivityEnvironment().run(send, order)
    assert done.letters[70].state == "sent"
    assert printed(queue.folder) == [f"{key}.printed"] and not (queue.folder / f"{key}.printed").read_bytes()
    await printing.release(settings, later, "tests")
    assert printed(later) == []
    states = {row["number"]: row["state"] for row in await read.sendings(queue.engine, reference)}
    assert states[70] == "sent"


async def test_a_file_that_was_written_again_while_it_was_printed_is_not_printed_again(
    office_of_the_file: Office, queue: PrintQueue, settings: Settings, tmp_path: Path
) -> None:
    key = f"{await opened(office_of_the_file)}-71"
    letter = Message(key=key, recipient="", subject="", text="", pdf=b"%PDF-1.7")

    async def nothing() -> None: ...

    await queue.deliver(letter, nothing)
    sealed = (queue.folder / f"{key}{SEALED}").read_bytes()
    await printing.release(settings, tmp_path / "first", "tests")
    (queue.folder / f"{key}{SEALED}").write_bytes(sealed)
    await printing.release(settings, tmp_path / "later", "tests")
    assert (printed(tmp_path / "first"), printed(tmp_path / "later")) == ([f"{key}.pdf"], [])


async def test_what_says_that_a_letter_was_printed_is_nothing_to_read_of_its_case(
    office_of_the_file: Office, queue: PrintQueue, settings: Settings, tmp_path: Path
) -> None:
    reference, office = await opened(office_of_the_file), office_of_the_file

    async def nothing() -> None: ...

    await queue.deliver(Message(key=f"{reference}-72", recipient="", subject="", text="", pdf=b"%PDF-1.7"), nothing)

    async def waiting() -> tuple[int, int]:
        places = await proof.attempts(office.engine, office.env.client, settings, reference)
        return next((place.found, place.readable) for place in places if place.name == "print queue")

    assert await waiting() == (1, 1)
    await printing.release(settings, tmp_path / "to", "tests")
    assert await waiting() == (0, 0)
