"""The keys: what is sealed opens only in its place and with its key; master keys turn; a destroyed key is gone."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar
from uuid import uuid4

import psycopg
import pytest
from keys import register_at
from sqlalchemy import insert, make_url, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col
from temporalio.api.common.v1 import Payload
from temporalio.converter import WorkflowSerializationContext

from register.connect import engine
from register.migrate import OFFICE_KEYS, migrate
from vault.box import Box, KeyDestroyed, Unreadable
from vault.codec import SealingCodec, is_sealed
from vault.index import blind
from vault.keyring import DataKey, Keyring, counts, keyring_of, rewrap
from vault.master import LocalMaster

KEY = bytes(range(32))
BOX = Box("k1", "CMP-2026-000001", KEY)
SECRETS = [b"", b"x", "客户张三 13800000000".encode(), b"long " * 4000]


@pytest.mark.parametrize("clear", SECRETS)
def test_what_is_sealed_opens_again_and_shows_nothing(clear: bytes) -> None:
    sealed = BOX.seal(clear, "here")
    assert BOX.open(sealed, "here") == clear
    assert sealed != BOX.seal(clear, "here"), "no two look alike"
    assert len(clear) < 2 or clear[:20] not in sealed


@pytest.mark.parametrize("clear", SECRETS)
def test_it_opens_nowhere_else_and_with_no_other_key(clear: bytes) -> None:
    sealed = BOX.seal(clear, "here")
    others = [Box("k2", BOX.subject, KEY), Box("k1", BOX.subject, KEY[::-1])]
    for box, place in [(BOX, "there"), *((other, "here") for other in others)]:
        with pytest.raises(Unreadable):
            box.open(sealed, place)


def test_a_changed_or_shortened_text_does_not_open() -> None:
    sealed = BOX.seal(b"the complaint", "here")
    changed = [sealed[:n] + bytes([sealed[n] ^ 1]) + sealed[n + 1 :] for n in range(len(sealed))]
    for wrong in [*changed, *(sealed[:n] for n in range(len(sealed))), sealed + b"\0"]:
        with pytest.raises(Unreadable):
            BOX.open(wrong, "here")


def test_a_box_does_not_tell_its_key() -> None:
    assert KEY.hex() not in repr(BOX) and str(KEY) not in repr(BOX)


@pytest.mark.parametrize(
    "text",
    ["", "   ", "name", "name:", "name:abc", "a b:" + "A" * 44, "n:" + "A" * 42, LocalMaster.new("n").removesuffix("="),
     f"{LocalMaster.new('same')},{LocalMaster.new('same')}"],
    ids=["nothing", "blank", "no_key", "empty_key", "short", "bad_name", "too_short", "not_padded", "twice"],
)  # fmt: skip
def test_a_broken_master_key_is_refused_without_being_told(text: str) -> None:
    with pytest.raises(ValueError) as refused:
        LocalMaster.parse(text)
    assert "AAAA" not in str(refused.value)


def test_the_first_master_key_wraps_and_the_others_still_unwrap() -> None:
    old, new = LocalMaster.new("old"), LocalMaster.new("new")
    before, both, after = LocalMaster.parse(old), LocalMaster.parse(f"{new},\n{old}"), LocalMaster.parse(new)
    wrapped = before.wrap(KEY, "about")
    assert both.current == "new" and both.unwrap("old", wrapped, "about") == KEY
    for master, name, about in [(after, "old", "about"), (both, "new", "about"), (both, "old", "other")]:
        with pytest.raises(Unreadable):
            master.unwrap(name, wrapped, about)


def test_a_blind_index_is_the_same_for_the_same_value_only() -> None:
    assert blind(KEY, "phone", "13800000000") == blind(KEY, "phone", "13800000000")
    others = [
        blind(KEY, "email", "13800000000"),
        blind(KEY, "phone", "13800000001"),
        blind(b"", "phone", "13800000000"),
    ]
    assert blind(KEY, "phone", "13800000000") not in others


def subject() -> str:
    return f"CMP-2026-{uuid4().int % 10**12:012d}"


async def test_a_subject_has_one_key_whoever_asks_first(register: AsyncEngine) -> None:
    name = subject()

    async def ask(engine: AsyncEngine) -> Box:
        async with engine.begin() as db:
            return await keyring_of(db).box(db, name, make=True)

    engines = [register_at(register.url.render_as_string(hide_password=False)) for _ in range(3)]
    boxes = await asyncio.gather(*(ask(own) for own in engines for _ in range(4)))
    assert len({box.key for box in boxes}) == 1
    for own in engines:
        await own.dispose()


async def test_a_key_is_forgotten_when_it_is_destroyed(register: AsyncEngine) -> None:
    name, keyring = subject(), keyring_of(register)
    async with register.begin() as db:
        with pytest.raises(Unreadable):
            await keyring.box(db, name)
        await keyring.box(db, name, make=True)
        assert await keyring.destroy(db, name, datetime.now(UTC))
        assert not await keyring.destroy(db, name, datetime.now(UTC))
        assert await keyring.boxes(db, [name], fresh=True) == {}
        for make in (False, True):
            with pytest.raises(KeyDestroyed):
                await keyring.box(db, name, make=make)
        left = (await db.execute(select(col(DataKey.wrapped)).where(col(DataKey.subject) == name))).scalar_one()
    assert left is None


async def test_what_was_sealed_under_an_old_master_key_opens_after_the_turn(owner_url: str) -> None:
    """The data keys are wrapped anew; what they sealed is not touched, and the old master key is needed no more."""
    with psycopg.connect(owner_url.replace("+psycopg", ""), autocommit=True) as server:
        server.execute("CREATE DATABASE turning")
    url = make_url(owner_url).set(database="turning").render_as_string(hide_password=False)
    old, new = LocalMaster.new("old"), LocalMaster.new("new")
    migrate(url, LocalMaster.parse(old))
    sealed = await using(url, old, seal_some)
    assert await using(url, f"{new},{old}", open_all(sealed)) == 5
    assert await using(url, f"{new},{old}", turn) == 5 + len(OFFICE_KEYS)
    assert await using(url, new, open_all(sealed)) == 5
    assert await using(url, new, counts) == [("new", 5 + len(OFFICE_KEYS))]
    with pytest.raises(Unreadable, match="the master key new is not here"):
        await using(url, old, open_all(sealed))

    newest = LocalMaster.new("newest")
    sealed |= await using(url, new, seal_some)
    assert sum(await using(url, f"{newest},{new}", turn_twice)) == 10 + len(OFFICE_KEYS), "each key once"
    assert await using(url, newest, open_all(sealed)) == 10

    async def turn_while_one_is_made(own: AsyncEngine) -> list[int]:
        done = []
        async for some in rewrap(own, batch=3):
            if not done:  # by a part that was not started with the new one yet, and behind what was looked at
                async with own.begin() as db:
                    await db.execute(insert(DataKey).values(Keyring(LocalMaster.parse(newest)).new_row("0000")))
            done.append(some)
        return done

    last = LocalMaster.new("last")
    assert await using(url, f"{last},{newest}", turn_while_one_is_made) == [3, 3, 3, 3, 1, 1]
    assert await using(url, last, counts) == [("last", 11 + len(OFFICE_KEYS))]


T = TypeVar("T")


async def using(url: str, keys: str, do: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    """On a register whose master keys these are, as a process that has just started."""
    own = engine(url, Keyring(LocalMaster.parse(keys)))
    try:
        return await do(own)
    finally:
        await own.dispose()


async def seal_some(own: AsyncEngine) -> dict[str, bytes]:
    async with own.begin() as db:
        boxes = [await keyring_of(db).box(db, subject(), make=True) for _ in range(5)]
    return {box.subject: box.seal(b"kept", "place") for box in boxes}


def open_all(sealed: dict[str, bytes]) -> Callable[[AsyncEngine], Awaitable[int]]:
    async def opening(own: AsyncEngine) -> int:
        async with own.connect() as db:
            boxes = await keyring_of(db).boxes(db, sealed)
        return sum(boxes[name].open(text, "place") == b"kept" for name, text in sealed.items())

    return opening


async def turn(own: AsyncEngine) -> int:
    return sum([some async for some in rewrap(own, batch=3)])


async def turn_twice(own: AsyncEngine) -> list[int]:
    return await asyncio.gather(turn(own), turn(own))


async def test_the_codec_binds_a_payload_to_its_workflow(register: AsyncEngine) -> None:
    name, other = subject(), subject()
    codec = SealingCodec(register, "default")
    mine = codec.with_context(WorkflowSerializationContext(namespace="default", workflow_id=name))
    theirs = codec.with_context(WorkflowSerializationContext(namespace="default", workflow_id=other))
    plain = Payload(metadata={"encoding": b"json/plain"}, data='"客户张三"'.encode())
    [sealed] = await mine.encode([plain])
    assert is_sealed(sealed) and plain.data not in sealed.SerializeToString()
    assert await mine.decode([sealed, plain]) == [plain, plain], "what was plain before there were keys stays readable"
    assert await codec.decode([sealed]) == [plain], "without a workflow, as the codec server asks"
    moved = Payload(metadata=dict(sealed.metadata) | {"amends-workflow": other.encode()}, data=sealed.data)
    await theirs.encode([plain])
    for reader, payload in [(theirs, sealed), (theirs, moved), (SealingCodec(register, "other", name), sealed)]:
        with pytest.raises(Unreadable):
            await reader.decode([payload])


async def test_what_a_schedule_starts_reads_what_was_sealed_for_the_schedule(register: AsyncEngine) -> None:
    codec = SealingCodec(register, "default")
    plain = Payload(metadata={"encoding": b"json/plain"}, data=b"{}")

    def of(workflow: str) -> SealingCodec:
        return codec.with_context(WorkflowSerializationContext(namespace="default", workflow_id=workflow))

    order = await of("reconcile").encode([plain])
    result_before = await of("reconcile-2026-11-23T07:07:00Z").encode([plain])
    assert await of("reconcile-2026-11-23T08:07:00Z").decode([*order, *result_before]) == [plain, plain]
    for other in ("reconcile-now", "retention-2026-11-23T08:07:00Z", "reconcile-2026-11-23T08:07:00Z-2"):
        for sealed in (order, result_before):
            with pytest.raises(Unreadable):
                await of(other).decode(sealed)
