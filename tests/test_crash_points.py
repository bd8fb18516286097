"""Every outside effect, its worker dying at each point, then tried again: one effect for each key, never two.

Where the peer may have taken what nobody could record any more, it is not sent again: it becomes `uncertain`, and the
key it went out under tells whoever looks (docs/decisions/0003). SIGKILL in the middle of sending is in test_once.py.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any, NamedTuple

import pytest
from browser import newcomer
from contract import different
from keys import printed_letter
from office import PLAIN, Office
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col
from temporalio.testing import ActivityEnvironment

from activities.channels import Post
from activities.desk import Desk
from activities.digests import Digests
from activities.letters import Letters
from complaints.names import Way
from complaints.orders import LetterOrder, Person, Publication
from register import outbox, read
from register.tables import BoardNotice, StaffNotice
from run import sink
from run.drill import servers

NUMBERS = count(50, 2)
"""Letters the process does not know: it sends its own meanwhile."""


class Dead(BaseException):
    """The worker is killed here: nothing catches this."""


class Counted(sink.Mailbox):
    """The mailbox of the local stack, which also tells under which key each message came."""

    def keep(self, kind: str, content: bytes, key: str = "") -> None:
        self.came.append((kind, key, content.decode()))
        super().keep(kind, content, key)

    came: list[tuple[str, str, str]]


class Point(NamedTuple):
    """Where it dies: at which write, the state it writes, before or after it is committed."""

    write: str
    new: str | None
    after: bool


POINTS = {
    "before it is kept": Point("prepare_letter", None, False),
    "kept": Point("prepare_letter", None, True),
    "before it is reserved": Point("move", "handing_over", False),
    "reserved, not handed over": Point("move", "handing_over", True),
    "taken by the peer, not recorded": Point("move", "sent", False),
    "recorded": Point("move", "sent", True),
}
OUTCOMES = {"reserved, not handed over": (0, "uncertain"), "taken by the peer, not recorded": (1, "uncertain")}
"""How often it went out, and what is known of it in the end; else once, and sent."""
UNRESERVED = [name for name in POINTS if "reserved" not in name]
"""A print queue needs no reservation: a repeat writes the same file."""


def dies(patch: pytest.MonkeyPatch, point: Point, it: Callable[..., bool]) -> None:
    """Let the worker die at that point of what `it` says is meant."""
    real = getattr(outbox, point.write)

    async def dying(*args: Any, **more: Any) -> Any:
        meant = it(*args) and (point.new is None or args[5] == point.new)
        if meant and not point.after:
            raise Dead
        done = await real(*args, **more)
        if meant and done is not False:
            raise Dead
        return done

    patch.setattr(outbox, point.write, dying)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Counted:
    found = Counted(tmp_path_factory.mktemp("crashes"))
    found.came = []
    return found


@pytest.fixture(scope="module")
def ways(box: Counted, register: AsyncEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    prints = tmp_path_factory.mktemp("prints")
    with servers.gateway(box) as gateway, servers.ways_out(box, gateway, prints, register) as post:
        yield post


@pytest.fixture(scope="module")
async def reference(office_of_the_file: Office) -> str:
    """A case whose complainant can be reached by every way."""
    person = PLAIN["complainant"] | {"address": "上海市示范路1号", "customer_number": "crash"}
    return str((await office_of_the_file.open(different(complainant=person)))["reference"])


@pytest.mark.parametrize(
    ("way", "where"),
    [(w, p) for w in (Way.email, Way.sms, Way.post) for p in (UNRESERVED if w is Way.post else POINTS)],
)
@pytest.mark.parametrize("which", [0, 1], ids=["first of two", "second of two"])
async def test_a_letter(
    register: AsyncEngine, ways: Post, box: Counted, reference: str, way: Way, where: str, which: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    first = next(NUMBERS)
    numbers = (first, first + 1)
    order = LetterOrder(
        reference=reference, letters=dict.fromkeys(numbers, "acknowledgement"), way=way, written_at=datetime.now(UTC)
    )
    point = POINTS[where]
    key = {"reference": reference, "number": numbers[which]}

    def this(_: Any, *args: Any) -> bool:
        return args[0].number == key["number"] if point.write == "prepare_letter" else args[1] == key

    send = Letters(register, ways).send_letters
    with monkeypatch.context() as patch, pytest.raises(Dead):
        dies(patch, point, this)
        await ActivityEnvironment().run(send, order)
    done = await ActivityEnvironment().run(send, order)
    again = await ActivityEnvironment().run(send, order)
    went, state = (1, "sent") if way is Way.post else OUTCOMES.get(where, (1, "sent"))
    assert done == again
    assert [done.letters[n].state for n in numbers] == [state if n == numbers[which] else "sent" for n in numbers]
    kept = {row["number"]: row["state"] for row in await read.sendings(register, reference)}
    assert [kept[n] for n in numbers] == [done.letters[n].state for n in numbers]
    for n in numbers:
        out = await _out(ways, box, way, f"{reference}-{n}")
        assert out == (went if n == numbers[which] else 1), f"{out} of letter {n} went out"


async def _out(ways: Post, box: Counted, way: Way, key: str) -> int:
    """How many messages went out by that way under that key."""
    if way is Way.post:
        assert ways.print_queue
        files = list(ways.print_queue.folder.glob(f"*{key}*"))
        assert (await printed_letter(ways.print_queue, key)).startswith(b"%PDF-")
        return len(files)
    shown = f"<{key}@bank.example>" if way is Way.email else key
    kind = "eml" if way is Way.email else "sms"
    return sum((k, m) == (kind, shown) for k, m, _ in box.came)


OF_DIGEST = POINTS | {
    "before it is kept": Point("make_digest", None, False),
    "kept": Point("make_digest", None, True),
    "before it is done": Point("digest_done", None, False),
}


@pytest.mark.parametrize("column", ["mail", "webhook"])
@pytest.mark.parametrize("where", OF_DIGEST)
async def test_a_digest(
    register: AsyncEngine, office_of_the_file: Office, ways: Post, box: Counted, column: str, where: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    person = await newcomer(office_of_the_file)
    told = StaffNotice(
        reference="CMP-2026-000042", seq=1, username=person, kind="assigned", at=datetime.now(UTC), data={}
    )
    await outbox.tell(register, [told])
    digest, point = f"digest-{person}-CMP-2026-000042-1", OF_DIGEST[where]

    def this(_: Any, *args: Any) -> bool:
        if point.write == "move":
            return bool(args[1] == {"id": digest} and args[2] == column)
        return bool(args[0] == digest or getattr(args[0], "id", None) == digest)

    send = Digests(register, ways).send_digest
    with monkeypatch.context() as patch, pytest.raises(Dead):
        dies(patch, point, this)
        await ActivityEnvironment().run(send, Person(username=person))
    for _ in range(2):
        await ActivityEnvironment().run(send, Person(username=person))
    went, state = OUTCOMES.get(where, (1, "sent"))
    [row] = await read.rows(register, read.all_of(outbox.t.Digest).where(col(outbox.t.Digest.id) == digest))
    other = "webhook" if column == "mail" else "mail"
    assert (row[column], row[other], row["done_at"] is None) == (state, "sent", False)
    mails = sum(m == f"<{digest}@bank.example>" for _, m, _ in box.came)
    posts = sum(k == "staff" and f"@{person} " in text for k, _, text in box.came)
    assert (mails, posts) == ((went, 1) if column == "mail" else (1, went))


@pytest.mark.parametrize("after", [False, True], ids=["before it is published", "published"])
async def test_the_notice_board(
    register: AsyncEngine, office_of_the_file: Office, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await office_of_the_file.open(different())
    reference = str(case["reference"])
    await office_of_the_file.to_callback(case)
    wanted = Publication(reference=reference, published_at=datetime.now(UTC))

    async def poke(_: str) -> None:
        """Nobody is told of this."""

    publish = Desk(register, poke).publish
    with monkeypatch.context() as patch, pytest.raises(Dead):
        dies(patch, Point("publish", None, after), lambda _, of, *more: of == reference)
        await ActivityEnvironment().run(publish, wanted)
    for _ in range(2):
        await ActivityEnvironment().run(publish, wanted)
    query = select(func.count()).where(col(BoardNotice.reference) == reference)
    async with register.connect() as db:
        assert await db.scalar(query) == 1
