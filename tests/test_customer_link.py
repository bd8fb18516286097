"""The customer's link, on real servers: letters carry it, and a bad one opens nothing."""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from customer import (
    ADDRESS,
    AS_JSON,
    PAGE,
    Json,
    Page,
    done_to,
    give_link,
    linked,
    look,
    mailed,
    problem,
    say,
    send_form,
    the_case,
    tokens,
)
from keys import printed_letter
from office import SECRET, Office, free_port
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.channels import JsonPost, Mail, Post, PrintQueue, Sms
from activities.letters import Letters
from api.app import create_app
from api.parts import Parts
from complaints.names import Way
from complaints.orders import LetterOrder
from register import links, outbox, read
from register.tables import CustomerLink, table
from run.sink import Mailbox

PUBLIC = ADDRESS


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


# -- the letter carries it -------------------------------------------------------------------------------------------


async def rows(engine: AsyncEngine, reference: str) -> list[CustomerLink]:
    query = select(table(CustomerLink)).where(table(CustomerLink).c.reference == reference)
    async with engine.connect() as db:
        return [CustomerLink(**r) for r in (await db.execute(query)).mappings()]


async def test_a_letter_carries_a_link_that_opens_the_case(office: Office, mailbox: Mailbox) -> None:
    case = await office.open()
    await office.to_callback(case)
    await office.forward(case["reference"], timedelta(seconds=1))
    found = mailed(mailbox, case["reference"])
    assert found and all(len(token) == 43 for token in found)
    for token in found:
        answer = await look(office, token)
        assert answer.status_code == 200, answer.text
        assert answer.json()["reference"] == case["reference"]
    kept = await rows(office.engine, case["reference"])
    assert {row.hash for row in kept} == {hashlib.sha256(token.encode()).hexdigest() for token in found}
    letters = {row["number"]: row for row in await office.letters(case["reference"])}
    for row in kept:
        ordered = datetime.fromisoformat(letters[row.letter]["ordered_at"])
        assert (row.made_at, row.expires_at) == (ordered, ordered + timedelta(days=60))


async def test_a_letter_by_sms_and_by_post_carries_one_too(
    office: Office, mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    case = await office.open()
    taken: list[str] = []

    class Gateway(JsonPost):
        async def send(self, body: Json, key: str, handing_over: Any) -> None:
            await handing_over()
            taken.append(body["text"])

    by_sms = Letters(office.engine, Post(sms=Sms(gateway=Gateway(url="http://localhost"))), public_url=f"{PUBLIC}/")
    order = LetterOrder(
        reference=case["reference"], letters={50: "satisfaction_request"}, way=Way.sms, written_at=datetime.now(UTC)
    )
    assert (await ActivityEnvironment().run(by_sms.send_letters, order)).sent(50)
    (token,) = tokens(taken[0])
    assert (await look(office, token)).status_code == 200

    folder = tmp_path_factory.mktemp("print")
    queue = PrintQueue(folder=folder, engine=office.engine)
    by_post = Letters(office.engine, Post(print_queue=queue), public_url=PUBLIC)
    order = order.model_copy(update={"letters": {51: "satisfaction_request"}, "way": Way.post})
    assert (await ActivityEnvironment().run(by_post.send_letters, order)).sent(51)
    printed = await printed_letter(queue, f"{case['reference']}-51")
    assert f"{PUBLIC}/c/"[:20].encode() in printed
    kept = next(s for s in await read.sendings(office.engine, case["reference"]) if s["number"] == 51)
    assert kept["pdf"] == b"" and tokens(kept["body"]) == []
    shown = next(letter for letter in await office.letters(case["reference"]) if letter["number"] == 51)
    assert shown["pdf"] is True, "there is a print, in the print queue"


async def test_without_a_public_address_there_is_no_link(office: Office, mailbox: Mailbox, post: Post) -> None:
    case = await office.open()
    order = LetterOrder(
        reference=case["reference"], letters={50: "satisfaction_request"}, way=Way.email, written_at=datetime.now(UTC)
    )
    assert (await ActivityEnvironment().run(Letters(office.engine, post).send_letters, order)).sent(50)
    kept = next(s for s in await read.sendings(office.engine, case["reference"]) if s["number"] == 50)
    assert "/c/" not in kept["body"]
    assert 50 not in [row.letter for row in await rows(office.engine, case["reference"])]


async def test_a_second_try_of_the_sending_makes_no_second_link(office: Office, post: Post, mailbox: Mailbox) -> None:
    case = await office.open()
    down = Post(mail=Mail(host="127.0.0.1", port=free_port(), sender="complaints@bank.example", tls="none"))
    order = LetterOrder(
        reference=case["reference"], letters={50: "satisfaction_request"}, way=Way.email, written_at=datetime.now(UTC)
    )
    for _ in range(2):
        with pytest.raises(ApplicationError):
            await ActivityEnvironment().run(Letters(office.engine, down, public_url=PUBLIC).send_letters, order)
    waiting = next(s for s in await read.sendings(office.engine, case["reference"]) if s["number"] == 50)
    (token,) = tokens(waiting["body"])
    shown = next(letter for letter in await office.letters(case["reference"]) if letter["number"] == 50)
    assert token not in json.dumps(shown), "staff do not see the link of a letter that waits"
    assert f"{PUBLIC}/c/…" in shown["body"] and f"{PUBLIC}/c/…" in shown["html"]

    done = await ActivityEnvironment().run(Letters(office.engine, post, public_url=PUBLIC).send_letters, order)
    assert done.sent(50)
    assert token in mailed(mailbox, case["reference"])
    assert [row.hash for row in await rows(office.engine, case["reference"]) if row.letter == 50] == [
        links.digest(token)
    ]


async def test_a_letter_kept_before_keeps_its_link(office: Office) -> None:
    """Two attempts that both found nothing: the one that comes second makes no link."""
    case = await office.open()
    letters = Letters(office.engine, Post(), public_url=PUBLIC)
    order = LetterOrder(
        reference=case["reference"], letters={50: "satisfaction_request"}, way=Way.email, written_at=datetime.now(UTC)
    )
    written = [await letters._write(order, 50) for _ in range(2)]
    kept = await asyncio.gather(*(outbox.prepare_letter(office.engine, *w) for w in written))
    assert kept[0].body == kept[1].body
    (token,) = tokens(kept[0].body)
    assert [r.hash for r in await rows(office.engine, case["reference"]) if r.letter == 50] == [links.digest(token)]


@pytest.mark.parametrize("state", ["handing_over", "ready"])
async def test_a_letter_that_will_not_go_out_keeps_no_link_either(office: Office, state: str) -> None:
    case = await office.open()
    letters = Letters(office.engine, Post(), public_url=PUBLIC)
    order = LetterOrder(
        reference=case["reference"], letters={50: "satisfaction_request"}, way=Way.email, written_at=datetime.now(UTC)
    )
    row, link = await letters._write(order, 50)
    row.state = state
    kept = await outbox.prepare_letter(office.engine, row, link)
    assert tokens(kept.body)
    done = await ActivityEnvironment().run(letters.send_letters, order)
    assert done.letters[50].state == {"handing_over": "uncertain", "ready": "failed"}[state]
    after = next(s for s in await read.sendings(office.engine, case["reference"]) if s["number"] == 50)
    assert tokens(after["body"]) == tokens(after["html"]) == []


# -- links that are not good -----------------------------------------------------------------------------------------


def altered(token: str) -> list[str]:
    changed = [token[:n] + ("A" if token[n] != "A" else "B") + token[n + 1 :] for n in (0, 1, 20, 41, 42)]
    return [*changed, token[:-1], token[:20], token + "A", token[::-1], token.swapcase(), f"%20{token}", f"{token}%00"]


async def test_an_altered_or_invented_link_is_unknown_and_says_no_more(office: Office) -> None:
    case, token = await the_case(office)
    before = await done_to(office, case["reference"])
    nonsense = [links.new_token(), "x", "%ff%fe", "é", "a" * 10_000, case["reference"], links.digest(token)]
    bodies, shown = set(), set()
    for wrong in [*altered(token), *nonsense]:
        assert wrong != token
        for answer in (
            await look(office, wrong),
            await say(office, wrong, "facts", {"text": "x"}),
            await say(office, wrong, "facts", {}),
            await say(office, wrong, "withdrawal", {}),
        ):
            problem(answer, 404, "unknown")
            bodies.add(answer.content)
        seen = await office.http.get(f"/c/{wrong}", headers=PAGE)
        assert seen.status_code == 404
        shown.add(re.sub('nonce="[^"]*"', "", seen.text))
    assert len(bodies) == len(shown) == 1, "every such answer is the same"
    words = Page(seen).words
    assert "没有这个链接" in words and "There is no such link" in words and "95000" in words
    assert await done_to(office, case["reference"]) == before


async def test_a_link_opens_its_own_case_and_no_other(office: Office) -> None:
    (one, token), (two, other) = await linked(office), await linked(office)
    assert (await say(office, token, "facts", {"text": "甲"})).json()["reference"] == one["reference"]
    assert (await look(office, other)).json()["reference"] == two["reference"]
    assert (await office.case(two["reference"]))["notes"] == []


@asynccontextmanager
async def web_at(office: Office, shift: timedelta) -> AsyncIterator[httpx.AsyncClient]:
    """The same office, its web at another time."""
    parts = Parts(office.engine, office.env.client, SECRET, office.queue, clock=lambda: datetime.now(UTC) + shift)
    transport = httpx.ASGITransport(app=create_app(parts), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=30) as http:
        yield http


@pytest.mark.parametrize(("language", "words"), [("zh-CN", "已过期"), ("en", "expired")])
async def test_an_expired_link_says_so_and_how_to_go_on(office: Office, language: str, words: str) -> None:
    case, token = await linked(office, language=language)
    before = await done_to(office, case["reference"])
    async with web_at(office, timedelta(days=60)) as http:
        said = problem(await http.get(f"/c/{token}", headers=AS_JSON), 410, "link_expired")
        assert "95000" in said["detail"] and "new letter" in said["detail"]
        shown = await http.get(f"/c/{token}", headers=PAGE)
        assert shown.status_code == 410 and Page(shown).lang == language
        assert words in Page(shown).words and "95000" in Page(shown).words
        assert case["reference"] not in shown.text
        for act, body in (("facts", {"text": "x"}), ("withdrawal", {}), ("rating", {"satisfaction": 5})):
            problem(await http.post(f"/c/{token}/{act}", json=body), 410, "link_expired")
    assert await done_to(office, case["reference"]) == before
    async with web_at(office, timedelta(days=60) - timedelta(minutes=5)) as http:
        assert (await http.get(f"/c/{token}", headers=AS_JSON)).status_code == 200


async def test_revoked_links_are_gone_for_good_and_a_new_one_works(office: Office) -> None:
    case, token = await linked(office)
    await office.forward(
        case["reference"], timedelta(seconds=1)
    )  # the letters of the process are out, with their links
    count = len(await rows(office.engine, case["reference"]))
    assert await links.revoke(office.engine, case["reference"], datetime.now(UTC)) == count
    assert await links.revoke(office.engine, case["reference"], datetime.now(UTC)) == 0
    problem(await look(office, token), 410, "link_revoked")
    problem(await say(office, token, "facts", {"text": "x"}), 410, "link_revoked")
    assert "已停用" in Page(await office.http.get(f"/c/{token}", headers=PAGE)).words
    new = await give_link(office, case["reference"])
    assert (await look(office, new)).status_code == 200


async def test_a_staff_token_is_no_link_and_a_link_is_no_staff_token(office: Office) -> None:
    case, token = await the_case(office)
    assert (await look(office, await office.token("admin"))).status_code == 404
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await office.http.get(f"/complaints/{case['reference']}", headers=bearer)).status_code == 401


# -- around it -------------------------------------------------------------------------------------------------------


async def test_every_answer_keeps_out_of_caches_and_frames(office: Office) -> None:
    _, token = await the_case(office)
    answers = [
        await office.http.get(f"/c/{token}", headers=PAGE),
        await look(office, token),
        await look(office, "x"),
        await office.http.get("/c/x", headers=PAGE),
        await office.http.get(f"/c/{token}/facts"),
        await office.http.get(f"/c/{token}/nowhere"),
        await office.http.options(f"/c/{token}"),
        await office.http.post(f"/c/{token}/facts", content=b" " * (1024 * 1024 + 1)),
        await send_form(office, token, "facts", {}),
    ]
    assert [a.status_code for a in answers] == [200, 200, 404, 404, 405, 404, 405, 413, 422]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "noindex" in answer.headers["x-robots-tag"]
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "script" not in policy and "unsafe" not in policy
