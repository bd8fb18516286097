"""Temporal was set back: the register knows steps that no process knows any more, and they are left for a person."""

from collections.abc import AsyncIterator

import pytest
from contract import different
from office import Office
from own_office import compare, own_office
from sqlalchemy import text

from activities.channels import Post
from complaints.standing import Kind
from register import read

FORGED = """
INSERT INTO caseevent (reference, seq, kind, at, by, data)
SELECT reference, seq + 1, kind, at, by, NULL FROM caseevent
WHERE reference = :r ORDER BY seq DESC LIMIT 1"""


@pytest.fixture(scope="module")
async def office(owner_url: str, post: Post, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    async with own_office(owner_url, "set_back", post, tmp_path_factory.mktemp("set_back")) as here:
        yield here


async def test_steps_that_the_process_does_not_know_are_named_and_never_taken_away(office: Office) -> None:
    case = await office.open(different())
    reference = str(case["reference"])
    await office.letter_event(reference, "letter_sent")
    await office.act(case["assignment"]["handler"], reference, "acceptance")
    async with office.engine.begin() as db:
        await db.execute(text(FORGED), {"r": reference})
        await db.execute(text("UPDATE complaint SET seq = seq + 1 WHERE reference = :r"), {"r": reference})
    before = await read.events(office.engine, reference)
    found = await compare(office, mend=True)
    assert [(d.reference, d.kind, d.mended) for d in found.differences] == [(reference, Kind.ahead, False)]
    assert len(await read.events(office.engine, reference)) == len(before)
    await office.handle(reference).execute_update("record_again")  # what a person does who has looked at them
    assert len(await read.events(office.engine, reference)) == len(before) - 1
    assert (await compare(office)).differences == []
