"""Bad input, on real servers: a 422 that names every field at fault, or kept exactly as given; never a 5xx or half a case."""

import html
import json
import math
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from office import MAJOR, PASSWORD, PLAIN, RESOLUTION, Office, office_at
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import WorkflowEnvironment

from activities.channels import Post
from register.tables import Complaint, Intake

Json = dict[str, Any]
PERSON: Json = PLAIN["complainant"]
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
async def office(
    temporal: WorkflowEnvironment, register: AsyncEngine, post: Post, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    """One office for the whole file."""
    folder = tmp_path_factory.mktemp("rules")
    async with office_at(datetime(2026, 3, 10, 10), temporal, register, post, folder, None, "mass") as here:
        yield here


@pytest.fixture(scope="module")
async def case(office: Office) -> Json:
    """A case that takes any of the acts below as far as its stage is concerned, or refuses it for its stage."""
    return await office.open(MAJOR | {"channel": "telephone"})


async def send(office: Office, user: str, path: str, body: Any, **headers: Any) -> httpx.Response:
    """A body as JSON with all its oddities (half characters, NaN), or bytes as they are."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    bearer = {"Authorization": f"Bearer {await office.token(user)}"}
    return await office.http.post(path, content=raw, headers=JSON | bearer | headers)


async def kept(office: Office) -> tuple[int, int]:
    """How many complaints are kept, and how many are cases."""
    async with office.engine.connect() as db:
        counts = [(await db.execute(select(func.count()).select_from(t))).scalar_one() for t in (Intake, Complaint)]
    return counts[0], counts[1]


def at_fault(answer: httpx.Response) -> set[str]:
    """The fields that a 422 names."""
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert (said["type"], said["status"], said["title"]) == ("urn:amends:invalid", 422, "fields at fault")
    assert all(set(e) == {"field", "code", "message"} and e["code"] and e["message"] for e in said["errors"])
    return {e["field"] for e in said["errors"]}


# -- the registration form -------------------------------------------------------------------------------------------


def person(**fields: Any) -> Json:
    return {"complainant": PERSON | fields}


def money(value: Any, currency: Any = "CNY") -> Json:
    return {"amount": {"value": value, "currency": currency}}


FAULTY: list[tuple[str, Json, set[str]]] = [
    # dates
    ("received in the future", {"received_at": "2999-01-01T00:00:00Z"}, {"received_at"}),
    ("received at the end of time", {"received_at": "9999-12-31T23:59:59-14:00", "occurred_on": "2026-01-01"}, {"received_at"}),
    ("received before 1990", {"received_at": "1989-12-31T23:59:59Z"}, {"received_at"}),
    ("received in the year one", {"received_at": "0001-01-01T00:00:00+14:00"}, {"received_at"}),
    ("received without an offset", {"received_at": "2026-03-10T10:00:00"}, {"received_at"}),
    ("received on a day without a time", {"received_at": "2026-03-10"}, {"received_at"}),
    ("received on 30 February", {"received_at": "2026-02-30T10:00:00Z"}, {"received_at"}),
    ("received at half past twenty-five", {"received_at": "2026-03-10T25:30:00Z"}, {"received_at"}),
    ("received as a number", {"received_at": 1767225600}, {"received_at"}),
    ("received as a number in a text", {"received_at": "1767225600"}, {"received_at"}),
    ("received as a huge number", {"received_at": 10**300}, {"received_at"}),
    ("received null", {"received_at": None}, {"received_at"}),
    ("happened after receipt", {"received_at": "2026-01-05T10:00:00Z", "occurred_on": "2026-02-01"}, {"occurred_on"}),
    ("happened in the far future", {"occurred_on": "9999-12-31"}, {"occurred_on"}),
    ("happened before 1990", {"occurred_on": "1989-12-31"}, {"occurred_on"}),
    ("happened on 31 April", {"occurred_on": "2026-04-31"}, {"occurred_on"}),
    ("happened on a number", {"occurred_on": 1767225600}, {"occurred_on"}),
    # money
    ("negative money", money("-0.01"), {"amount.value"}),
    ("not a number", money("NaN"), {"amount.value"}),
    ("JSON's own NaN", money(math.nan), {"amount.value"}),
    ("infinite money", money("Infinity"), {"amount.value"}),
    ("JSON's own infinity", money(math.inf), {"amount.value"}),
    ("thousandths", money("1.001"), {"amount.value"}),
    ("huge money", money("1000000000000.00"), {"amount.value"}),
    ("money of forty digits", money("9" * 40), {"amount.value"}),
    ("money with an exponent", money("1e5"), {"amount.value"}),
    ("money with a huge exponent", money("0E+999999999"), {"amount.value"}),
    ("money with a comma", money("1,200.00"), {"amount.value"}),
    ("money with an underscore", money("1_000"), {"amount.value"}),
    ("money in Arabic digits", money("١٢"), {"amount.value"}),
    ("money true", money(True), {"amount.value"}),
    ("money as a list", money([1]), {"amount.value"}),
    ("no money", money(None), {"amount.value"}),
    ("unknown currency", money("1.00", "XXX"), {"amount.currency"}),
    ("currency in small letters", money("1.00", "cny"), {"amount.currency"}),
    ("currency in four letters", money("1.00", "CNYY"), {"amount.currency"}),
    ("currency with a line end", money("1.00", "CNY\n"), {"amount.currency"}),
    ("money without a currency", {"amount": {"value": "1.00"}}, {"amount.currency"}),
    ("money bare", {"amount": "300.00"}, {"amount"}),
    ("money with an extra field", {"amount": {"value": "1.00", "currency": "CNY", "rate": 7}}, {"amount.rate"}),
    # choices
    ("unknown channel", {"channel": "fax"}, {"channel"}),
    ("channel null", {"channel": None}, {"channel"}),
    ("channel as a number", {"channel": 1}, {"channel"}),
    ("unknown product", {"product": "spaceship"}, {"product"}),
    ("unknown language", {"language": "fr"}, {"language"}),
    ("unknown gender", person(gender="X'; --"), {"complainant.gender"}),
    # numbers
    ("age below zero", person(age=-1), {"complainant.age"}),
    ("age above anybody's", person(age=131), {"complainant.age"}),
    ("age of thirty digits", person(age=10**30), {"complainant.age"}),
    ("age in a text", person(age="42"), {"complainant.age"}),
    ("age true", person(age=True), {"complainant.age"}),
    ("age and a half", person(age=41.5), {"complainant.age"}),
    ("nobody affected", {"affected_customers": 0}, {"affected_customers"}),
    ("more affected than live", {"affected_customers": 10**10}, {"affected_customers"}),
    ("affected true", {"affected_customers": True}, {"affected_customers"}),
    ("affected infinite", {"affected_customers": math.inf}, {"affected_customers"}),
    # text
    ("matter missing", {"matter": ...}, {"matter"}),
    ("matter null", {"matter": None}, {"matter"}),
    ("matter empty", {"matter": ""}, {"matter"}),
    ("matter blank", {"matter": " \n\t\u3000"}, {"matter"}),
    ("matter of nothing visible", {"matter": "\u200b\u200e\u2060"}, {"matter"}),
    ("matter as a number", {"matter": 5}, {"matter"}),
    ("matter as a list", {"matter": ["a"]}, {"matter"}),
    ("matter of 100 KB", {"matter": "钱" * 100_000}, {"matter"}),
    ("NUL", {"matter": "a\0b"}, {"matter"}),
    ("escape", {"matter": "a\x1b[31mb"}, {"matter"}),
    ("C1 control", {"matter": "a\x9bb"}, {"matter"}),
    ("half a character", {"matter": "a\ud800b"}, {"matter"}),
    ("half characters in the wrong order", {"matter": "\udc00\ud800"}, {"matter"}),
    ("a line end in the name", person(name="王\r\nBcc: everybody@example.com"), {"complainant.name"}),
    ("a tab in the name", person(name="王\t五"), {"complainant.name"}),
    ("a line separator in the name", person(name="王\u2028五"), {"complainant.name"}),
    ("a name of 201 characters", person(name="王" * 201), {"complainant.name"}),
    ("an address of 501 characters", person(address="路" * 501), {"complainant.address"}),
    ("no e-mail address", person(email="nobody"), {"complainant.email"}),
    ("an e-mail header", person(email="a@example.com\r\nBcc: b@example.com"), {"complainant.email"}),
    ("two e-mail addresses", person(email="a@example.com,b@example.com"), {"complainant.email"}),
    ("an e-mail address with a name", person(email="Bob <a@example.com>"), {"complainant.email"}),
    ("a phone in words", person(phone="one-three-eight"), {"complainant.phone"}),
    ("a phone with a line end", person(phone="13800000000\n"), {"complainant.phone"}),
    ("a phone in wide digits", person(phone="１３８００００００００"), {"complainant.phone"}),
    # attachments
    ("a path up", {"attachments": ["../../etc/passwd"]}, {"attachments.0"}),
    ("a path of Windows", {"attachments": ["ok.pdf", "C:\\boot.ini", ".."]}, {"attachments.1", "attachments.2"}),
    ("a stream of Windows", {"attachments": ["a.txt:evil"]}, {"attachments.0"}),
    ("NUL in a file's name", {"attachments": ["a.pdf\0.exe"]}, {"attachments.0"}),
    ("a line end in a file's name", {"attachments": ["a\nb"]}, {"attachments.0"}),
    ("51 attachments", {"attachments": ["a.pdf"] * 51}, {"attachments"}),
    ("attachments in a text", {"attachments": "a.pdf"}, {"attachments"}),
    # who it is
    ("complainant missing", {"complainant": ...}, {"complainant"}),
    ("complainant a text", {"complainant": "王五"}, {"complainant"}),
    ("nobody in particular", {"complainant": {}}, {"complainant.name", "complainant.email"}),
    ("no e-mail address though by e-mail", person(email=None), {"complainant.email"}),
    ("no phone though by telephone", {"channel": "telephone", **person(phone=None)}, {"complainant.phone"}),
    # what an agent may not say
    ("fields of others", {"stage": "closed", "role": "admin", "approved_by": "x"}, {"stage", "role", "approved_by"}),
    ("an import by hand", {"imported_from": "cfpb.csv:1"}, {"imported_from"}),
    ("a reference of one's own", {"reference": "CMP-2026-000001", "opened_by": "admin"}, {"reference", "opened_by"}),
    ("deeper fields of others", person(vip=True), {"complainant.vip"}),
    ("fields with the names of places", {"body": 1, "query": 2, "path": 3}, {"body", "query", "path"}),
    ("a field with an odd name", {"__proto__": {}, "a\0b": 1, "": 2}, {"__proto__", "a\0b", "body"}),
    # everything at once
    (
        "everything at once",
        {
            "channel": "fax", "product": "spaceship", "received_at": "2999-01-01T00:00:00Z", "matter": "\0",
            "amount": {"value": "-1", "currency": "XXX"}, "occurred_on": "1950-01-01", "language": "xx",
            "complainant": {"age": -1, "phone": "no"}, "stage": "closed", "attachments": ["/etc/passwd"],
        },
        {
            "channel", "product", "received_at", "matter", "amount.value", "amount.currency", "occurred_on", "language",
            "complainant.age", "complainant.phone", "stage", "attachments.0",
        },
    ),
    (
        "malformed and missing together",
        {"complainant": {"age": -1}, "product": "spaceship"},
        {"complainant.age", "complainant.name", "complainant.email", "product"},
    ),
]  # fmt: skip
"""What is wrong, the fields of a plain complaint that are changed (... takes one away), and the fields to be named."""


@pytest.mark.parametrize(("change", "fields"), [pytest.param(c, f, id=name) for name, c, f in FAULTY])
async def test_a_faulty_form_is_refused_with_every_field_at_fault(
    office: Office, change: Json, fields: set[str]
) -> None:
    before = await kept(office)
    form = {k: v for k, v in (PLAIN | change).items() if v is not ...}
    key = {"Idempotency-Key": str(uuid4())}
    assert at_fault(await send(office, "agent", "/complaints", form, **key)) == fields
    assert await kept(office) == before


async def test_a_key_of_a_refused_form_is_not_used_up(office: Office) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    assert (await send(office, "agent", "/complaints", PLAIN | {"channel": "fax"}, **key)).status_code == 422
    assert (await send(office, "agent", "/complaints", PLAIN, **key)).status_code == 201


async def test_a_complaint_that_came_in_1990_is_taken_with_its_clocks_marked(office: Office) -> None:
    case = await office.open(PLAIN | {"received_at": "1990-01-01T00:00:00Z"})
    clocks = {c["name"]: c for c in case["clocks"]}
    assert clocks["resolution"]["provisional"], "the calendar of 1990 is not known"
    assert clocks["resolution"]["state"] == clocks["registration"]["state"] == "breached"


# -- what is no form at all ------------------------------------------------------------------------------------------

GOOD = json.dumps(PLAIN).encode()
NOT_A_FORM: list[tuple[str, bytes]] = [
    ("empty", b""),
    ("no JSON", b"channel=email&matter=x"),
    ("half an object", b'{"channel": "email"'),
    ("two objects", GOOD + GOOD),
    ("a list", b"[" + GOOD + b"]"),
    ("null", b"null"),
    ("a number", b"1"),
    ("a huge number", b"9" * 100_000),
    ("a text", b'"complaint"'),
    ("true", b"true"),
    ("not UTF-8", b'{"matter": "\xff\xfe"}'),
    ("NUL", b"\0"),
    ("lists in lists", b"[" * 100_000),
    ("closed lists in lists", b"[" * 100_000 + b"]" * 100_000),
    ("objects in objects", b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    ("a field nested deeply", GOOD[:-1] + b', "about": ' + b'{"department":' * 50_000 + b"1" + b"}" * 50_001),
    ("a number of 5,000 digits in a field", GOOD[:-1] + b', "affected_customers": ' + b"9" * 5_000 + b"}"),
    ("20,000 unknown fields", json.dumps({f"k{n}": n for n in range(20_000)}).encode()),
]


@pytest.mark.parametrize("body", [pytest.param(b, id=name) for name, b in NOT_A_FORM])
async def test_what_is_no_form_is_refused(office: Office, body: bytes) -> None:
    before = await kept(office)
    answer = await send(office, "agent", "/complaints", body)
    assert at_fault(answer)
    assert len(answer.content) < 100_000
    assert await kept(office) == before


@pytest.mark.parametrize(
    ("number", "fault"), [(b"1e400", True), (b"-1e400", True), (b"1e-400", False), (b"300.0", False), (b"-0.0", False)]
)
async def test_numbers_as_json_writes_them(office: Office, number: bytes, fault: bool) -> None:
    body = GOOD[:-1] + b', "amount": {"value": ' + number + b', "currency": "CNY"}}'
    answer = await send(office, "agent", "/complaints", body)
    if fault:
        assert at_fault(answer) == {"amount.value"}
    else:
        assert answer.json()["amount"]["value"] in ("0.00", "300.00")


async def test_of_a_field_given_twice_the_last_one_counts_and_is_checked(office: Office) -> None:
    assert at_fault(await send(office, "agent", "/complaints", GOOD[:-1] + b', "channel": "fax"}')) == {"channel"}


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "\x7f/;"]
)
async def test_another_content_type_is_refused(office: Office, kind: str) -> None:
    before = await kept(office)
    assert at_fault(await send(office, "agent", "/complaints", GOOD, **{"Content-Type": kind})) == {"body"}
    assert await kept(office) == before


@pytest.mark.parametrize("path", ["/complaints", "/auth/token", "/complaints/CMP-2026-000001/notes"])
@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_over_a_mebibyte_is_too_large(office: Office, path: str, announced: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b" " * 65_536

    kind = "application/x-www-form-urlencoded" if path == "/auth/token" else "application/json"
    headers = {"Authorization": f"Bearer {await office.token('agent')}", "Content-Type": kind}
    body = b" " * (17 * 65_536) if announced else pieces()
    answer = await office.http.post(path, content=body, headers=headers)
    assert answer.status_code == 413, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:amends:too_large"


async def test_a_body_of_just_a_mebibyte_is_read(office: Office) -> None:
    answer = await send(office, "agent", "/complaints", GOOD.ljust(1024 * 1024), **{"Idempotency-Key": str(uuid4())})
    assert answer.status_code == 201, answer.text


# -- text is kept as it is, and is harmless --------------------------------------------------------------------------

LEGITIMATE = [
    pytest.param("钱去哪了😡👨‍👩‍👧‍👦🇨🇳", id="emoji"),
    pytest.param("שלום עולם — السلام عليكم", id="right to left"),
    pytest.param("\u202eexe.fdp\u202c \u2066isolated\u2069", id="bidi"),
    pytest.param("𠮷野家の髙﨑さん é e\u0301 ﷺ Z͑ͫ̓ͪa̴l̷g̸o", id="rare characters, not normalised"),
    pytest.param("'; DROP TABLE complaint; -- \" OR 1=1 \\'; %s %(x)s {} $1 :x", id="SQL"),
    pytest.param("{{7*7}} {%for x in 9%} {{ config }} ${7*7} #{7*7} <%=7*7%> {{''.__class__}}", id="templates"),
    pytest.param("<script>alert(1)</script><img src=x onerror=alert(1)> &amp; &lt;b&gt; ]]>", id="HTML"),
    pytest.param("=cmd|'/C calc'!A0 @SUM(1) +1 -1 \\u0000 \\x00 %00 ../../etc/passwd", id="formulas and escapes"),
]


@pytest.mark.parametrize("text", LEGITIMATE)
async def test_text_is_kept_exactly_and_stays_text_in_letters(office: Office, text: str) -> None:
    form = PLAIN | {
        "complainant": PERSON | {"name": text, "address": f"{text}\n{text}", "customer_number": text},
        "about": {"department": text, "person": text},
        "matter": f"{PLAIN['matter']}\n\t{text}",
        "reason": text,
        "demand": text,
        "attachments": ["合同 (1) 😡 \u202efdp.exe", "..."],
    }
    reference = (await office.open(form))["reference"]
    case = await office.case(reference)
    assert {k: case[k] for k in form if k != "complainant"} == {k: v for k, v in form.items() if k != "complainant"}
    assert {k: v for k, v in case["complainant"].items() if v is not None} == form["complainant"]
    letter = (await sent(office, reference))[0]
    assert text in letter["body"], "the name as it is in plain text"
    assert html.escape(text) in letter["html"].replace("&#34;", "&quot;").replace("&#39;", "&#x27;")
    assert "<script" not in letter["html"] and "<img" not in letter["html"]


@pytest.mark.parametrize("channel", ["email", "letter"])
async def test_the_words_of_a_resolution_stay_text_in_the_result(office: Office, channel: str) -> None:
    """By e-mail, and on paper as a PDF."""
    text = "{{7*7}} ${7*7} '; DROP TABLE sending; -- <b onload=x> 😡 שלום\u2028下一行"
    address = {"complainant": PERSON | {"name": "{{7*7}} <i>", "address": "{{7*7}}<br/>路"}, "channel": channel}
    case = await office.open(PLAIN | address)
    reference, handler = case["reference"], case["assignment"]["handler"]
    words = dict.fromkeys(("findings", "responsibility", "measures", "reply"), text)
    await office.act(handler, reference, "acceptance")
    case = await office.act(handler, reference, "resolution", RESOLUTION | words)
    assert {k: case["resolution"][k] for k in words} == words
    result = next(x for x in await sent(office, reference) if x["kind"] == "result")
    assert (result["way"], result["pdf"]) == {"email": ("email", False), "letter": ("post", True)}[channel]
    assert "{{7*7}} ${7*7} '; DROP TABLE sending; -- <b onload=x>" in result["body"]
    assert "<b onload" not in (result["html"] or "")


async def sent(office: Office, reference: str) -> list[Json]:
    """The letters of a case; its clock waits for them to be out."""
    await office.forward(reference, timedelta(seconds=1))
    return await office.letters(reference)


# -- acts ------------------------------------------------------------------------------------------------------------

ACTS: dict[str, tuple[str, str, Json, list[str], list[str]]] = {
    "classification": ("agent", "/complaints/{}/classification", {"reason": "核实"}, ["reason"], []),
    "assignment": (
        "supervisor",
        "/complaints/{}/assignment",
        {"department": "card_centre", "reason": "指派"},
        ["department", "reason"],
        ["handler"],
    ),
    "acceptance": ("handler", "/complaints/{}/acceptance", {}, [], []),
    "resolution": (
        "handler",
        "/complaints/{}/resolution",
        RESOLUTION,
        ["findings", "responsibility", "measures", "root_cause"],
        ["reply"],
    ),
    "feedback": ("agent", "/complaints/{}/feedback", {}, [], ["answer"]),
    "callbacks": ("agent", "/complaints/{}/callbacks", {"reached": True, "satisfaction": 5}, ["reached"], ["words"]),
    "withdrawal": ("agent", "/complaints/{}/withdrawal", {"reason": "撤诉"}, ["reason"], []),
    "notes": ("agent", "/complaints/{}/notes", {"text": "备注"}, ["text"], []),
    "decision": (
        "supervisor",
        "/approvals/{}-A1/decision",
        {"decision": "approve", "reason": "同意"},
        ["decision", "reason"],
        [],
    ),
    "acknowledgement": ("manager", "/incidents/{}-M1/acknowledgement", {}, [], ["leader"]),
    "log": ("manager", "/incidents/{}-M1/log", {"text": "联系客户"}, ["text"], []),
    "report": ("manager", "/incidents/{}-M1/report", {"text": "处置完毕"}, ["text"], []),
}
"""Every act: who, where, a good body, its required fields and its other texts."""

WITH_FIELDS = [act for act, (_, _, _, required, texts) in ACTS.items() if required or texts]


@pytest.fixture
async def untouched(office: Office, case: Json) -> AsyncIterator[Json]:
    """The case, in which nothing may happen meanwhile."""

    async def acts() -> list[Json]:
        """What happened, but for the letters that go out beside it."""
        return [e for e in await office.events(case["reference"]) if not e["kind"].startswith("letter_")]

    before = [{**e, "seq": 0} for e in await acts()]
    yield case
    assert [{**e, "seq": 0} for e in await acts()] == before


async def refused(office: Office, case: Json, act: str, body: Any) -> set[str]:
    """The fields that the refusal of the act names."""
    user, path, *_ = ACTS[act]
    return at_fault(await send(office, user, path.format(case["reference"]), body))


@pytest.mark.parametrize("act", [a for a, (_, _, _, required, _) in ACTS.items() if required])
async def test_an_act_without_what_it_needs_is_refused(office: Office, untouched: Json, act: str) -> None:
    _, _, body, required, _ = ACTS[act]
    assert await refused(office, untouched, act, {}) == set(required)
    assert await refused(office, untouched, act, body | dict.fromkeys(required)) == set(required)


BAD_TEXTS = [5, True, [], {}, "", "  \n", "\u200b", "a\0b", "\x1b[0m", "\x85", "\ud800", "字" * 20_001]


@pytest.mark.parametrize("act", WITH_FIELDS)
async def test_an_act_with_bad_text_is_refused_with_every_field(office: Office, untouched: Json, act: str) -> None:
    _, _, body, required, texts = ACTS[act]
    fields = [f for f in required + texts if f not in ("reached", "decision")]
    for bad in BAD_TEXTS:
        assert await refused(office, untouched, act, body | dict.fromkeys(fields, bad)) == set(fields), repr(bad)[:20]


@pytest.mark.parametrize("act", ACTS)
async def test_an_act_with_fields_of_others_is_refused(office: Office, untouched: Json, act: str) -> None:
    of_others: Json = {"stage": "closed", "role": "admin", "roles": ["admin"], "approved_by": "x", "approval_id": "x"}
    of_others |= {
        "by": {"username": "admin", "roles": ["manager"]},
        "request_id": "x",
        "reference": untouched["reference"],
    }
    assert await refused(office, untouched, act, ACTS[act][2] | of_others) == set(of_others)


@pytest.mark.parametrize("act", ACTS)
async def test_an_act_that_is_no_object_is_refused(office: Office, untouched: Json, act: str) -> None:
    for body in (b"[]", b'"x"', b"1", b"{", b"\xff", b"[" * 100_000):
        assert await refused(office, untouched, act, body) == {"body"}, body[:9]


@pytest.mark.parametrize(
    ("act", "change", "fields"),
    [
        ("classification", {"nature": "crime", "urgency": "maximal", "kinds": ["major", "minor"]}, {"nature", "urgency", "kinds.1"}),
        ("classification", {"kinds": "major"}, {"kinds"}),
        ("classification", {"kinds": ["anonymous"]}, {"kinds"}),  # it has a complainant
        ("assignment", {"department": "nowhere", "handler": "nobody"}, {"department", "handler"}),
        ("assignment", {"department": "card_centre'; --", "handler": "handler.card_centre' --"}, {"department", "handler"}),
        ("assignment", {"handler": "../admin"}, {"handler"}),
        ("resolution", {"redress": {"kind": "gold"}}, {"redress.kind"}),
        ("resolution", {"redress": {}}, {"redress.kind"}),
        ("resolution", {"redress": None}, {"redress"}),
        ("resolution", {"redress": {"kind": "refund", "amount": {"value": "-1", "currency": "cny"}}}, {"redress.amount.value", "redress.amount.currency"}),
        ("resolution", {"redress": {"kind": "refund", "amount": {"value": "1e9", "currency": "CNY"}}}, {"redress.amount.value"}),
        ("resolution", {"redress": {"kind": "refund", "amount": {"value": math.nan, "currency": "CNY"}}}, {"redress.amount.value"}),
        ("resolution", {"redress": {"kind": "refund", "amount": {"value": "1.00", "currency": "CNY", "to": "me"}}}, {"redress.amount.to"}),
        ("resolution", {"root_cause": "a\nb"}, {"root_cause"}),
        ("feedback", {"way": "pigeon"}, {"way"}),
        ("callbacks", {"reached": "perhaps", "satisfaction": 0, "nps": 11}, {"reached", "satisfaction", "nps"}),
        ("callbacks", {"satisfaction": 6, "nps": -1}, {"satisfaction", "nps"}),
        ("callbacks", {"satisfaction": 4.5, "nps": math.nan}, {"satisfaction", "nps"}),
        ("callbacks", {"satisfaction": 10**30}, {"satisfaction"}),
        ("decision", {"decision": "maybe"}, {"decision"}),
        ("log", {"kind": "report"}, {"kind"}),
        ("acknowledgement", {"leader": "甲\r\n乙"}, {"leader"}),
    ],
)  # fmt: skip
async def test_an_act_with_a_bad_value_is_refused(
    office: Office, untouched: Json, act: str, change: Json, fields: set[str]
) -> None:
    assert await refused(office, untouched, act, ACTS[act][2] | change) == fields


CONTRADICTIONS = [
    ("resolution", {"redress": {"kind": "none", "approved_by": "me"}}, {"redress.approved_by"}),
    ("resolution", {"redress": {"kind": "none", "amount": {"value": "500.00", "currency": "CNY"}}}, {"redress.amount"}),
    ("resolution", {"redress": {"kind": "refund"}}, {"redress.amount"}),
    ("resolution", {"redress": {"kind": "refund", "amount": {"value": "1.00", "currency": "ZZZ"}}}, {"redress.amount.currency"}),
    ("callbacks", {"reached": "yes"}, {"reached"}),
    ("callbacks", {"satisfaction": True, "nps": "9"}, {"satisfaction", "nps"}),
    ("classification", {"kinds": ["major"] * 50_000}, {"kinds"}),
]  # fmt: skip


@pytest.mark.parametrize(("act", "change", "fields"), CONTRADICTIONS)
async def test_an_act_that_contradicts_itself_is_refused(
    office: Office, act: str, change: Json, fields: set[str]
) -> None:
    case = await office.open(PLAIN | {"channel": "telephone"})
    reference, (user, path, body, *_) = case["reference"], ACTS[act]
    if act != "classification":
        user = case["assignment"]["handler"]
        await office.act(user, reference, "acceptance")
    if act == "callbacks":
        await office.act(user, reference, "resolution", RESOLUTION)
        await office.act(user, reference, "feedback")
        user = "agent"
    assert at_fault(await send(office, user, path.format(reference), body | change)) == fields


@pytest.mark.parametrize("text", LEGITIMATE)
async def test_the_text_of_a_note_is_kept_exactly(office: Office, case: Json, text: str) -> None:
    long = f"{text}\r\n\t" + "字" * (20_000 - len(text) - 3)
    noted = await office.act("agent", case["reference"], "notes", {"text": long})
    assert noted["notes"][-1]["text"] == long
    assert (await office.case(case["reference"]))["notes"][-1]["text"] == long


# -- path, query, header, sign-in form -------------------------------------------------------------------------------

ODD = [
    "\0",
    "a\0b",
    "\r\nX-Evil: 1",
    "\x1b[0m",
    "\x7f",
    "' OR 1=1; --",
    "{{7*7}}",
    "%s",
    "../../etc/passwd",
    "..",
    "💥",
    "a" * 5_000,
]


@pytest.mark.parametrize(
    "odd", [*ODD, "cmp-2026-000001", "CMP-2026-1", "CMP-２０２６-０００００１", "CMP-2026-000001\n"]
)
@pytest.mark.parametrize(
    "place",
    [
        "/complaints/{}",
        "/complaints/{}/timeline",
        "/complaints/{}/letters",
        "/approvals/{}/decision",
        "/incidents/{}/log",
    ],
)
async def test_an_odd_reference_is_refused_or_unknown(office: Office, place: str, odd: str) -> None:
    method = "POST" if place.endswith(("decision", "log")) else "GET"
    answer = await office.call("manager", method, place.format(quote(odd, safe="")), {"text": "x"})
    assert answer.status_code in (404, 405, 422), answer.text  # an unescaped slash makes it another path
    assert answer.headers["content-type"] == "application/problem+json"
    assert odd not in answer.text or odd in ("..", "%s")


@pytest.mark.parametrize(
    ("query", "field"),
    [(f"{name}={quote(bad, safe='')}", name) for name in ("q", "department", "handler") for bad in ("\0", "a\r\nb", "", "x" * 201)]
    + [(f"limit={v}", "limit") for v in (0, -1, 201, 10**30, "1e3", "ten", "", "%00")]
    + [(f"cursor={v}", "cursor") for v in (0, -1, 10**30, "abc", "", "%00", "1.5", "1%20OR%201=1")]
    + [(f"{name}=x%27--", name) for name in ("stage", "kind", "nature", "breached", "due_before")]
    + [(f"due_before={v}", "due_before") for v in ("2026-01-01", "2026-01-01T00:00:00", "1767225600", "1e400", "%00")],
)  # fmt: skip
async def test_an_odd_query_is_refused_with_its_field(office: Office, query: str, field: str) -> None:
    answer = await office.call("auditor", "GET", f"/complaints?{query}")
    assert at_fault(answer) == {field}


async def test_every_fault_of_a_query_is_named(office: Office) -> None:
    query = "stage=x&kind=x&nature=x&due_before=x&breached=x&q=%00&department=%00&handler=%00&cursor=x&limit=x"
    names = {part.split("=")[0] for part in query.split("&")}
    assert at_fault(await office.call("auditor", "GET", f"/complaints?{query}")) == names


@pytest.mark.parametrize(
    "query",
    [
        *("q=%ED%A0%80", "q=%FF", "q=%25_%5C", "q=%27%3B--", "q=%F0%9F%92%A5", "handler=%27%3B%20DROP%20TABLE%20staff"),
        *("due_before=0001-01-01T00:00:00%2B14:00", "due_before=9999-12-31T23:59:59-14:00"),
        *(f"cursor={2**62}", "limit=200"),
    ],
)
async def test_a_query_that_is_only_strange_is_answered(office: Office, query: str) -> None:
    answer = await office.call("auditor", "GET", f"/complaints?{query}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["items"] == [] or query.startswith(("due_before=9999", "cursor", "limit"))


@pytest.mark.parametrize("key", [b"", b"a" * 201, b"a\r\nX-Evil: 1", b"a\0b", b"\xff", "键".encode(), b"\x1b", b"a\tb"])
async def test_an_odd_idempotency_key_is_refused(office: Office, case: Json, key: bytes) -> None:
    before = await kept(office)
    for path, body in (("/complaints", PLAIN), (f"/complaints/{case['reference']}/notes", {"text": "x"})):
        answer = await send(office, "agent", path, body, **{"Idempotency-Key": key})
        assert at_fault(answer) == {"Idempotency-Key"}
        assert "x-evil" not in answer.headers
    assert await kept(office) == before


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"username=agent", "application/x-www-form-urlencoded"),
        (b"username=%00&password=%00", "application/x-www-form-urlencoded"),
        (b"username=%FF%ED%A0%80&password=%ED%A0%80", "application/x-www-form-urlencoded"),
        (b"username=agent&password=%0D%0A", "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % n for n in range(5_000)), "application/x-www-form-urlencoded"),
        (b"=&=&&&===", "application/x-www-form-urlencoded"),
        (json.dumps({"username": "agent", "password": PASSWORD}).encode(), "application/json"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"--x\r\n", "multipart/form-data"),
        (b'--x\r\nContent-Disposition: form-data; name="username"; filename="a"\r\n\r\nagent\r\n--x--\r\n', "multipart/form-data; boundary=x"),
        (b'--x\r\nContent-Disposition: form-data; name="username"\r\n\r\n\xff\r\n--x--\r\n', "multipart/form-data; boundary=x; charset=none"),
    ],
)  # fmt: skip
async def test_an_odd_sign_in_is_refused(office: Office, content: bytes, kind: str) -> None:
    answer = await office.http.post("/auth/token", content=content, headers={"Content-Type": kind})
    assert answer.status_code in (401, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


# -- whatever anybody thinks of --------------------------------------------------------------------------------------

TEXT = st.text(st.characters(), max_size=30)  # half characters too
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.sampled_from(["2026-01-01", "1.00", "CNY"])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXT | st.sampled_from(list(PERSON)), inner, max_size=4)
    ),
    max_leaves=8,
)
FIELDS = st.sampled_from(["channel", "received_at", "language", "about", "reason", "product", "affected_customers", "occurred_on", "attachments", "imported_from", *PLAIN])  # fmt: skip
TRIED = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def sound(answer: httpx.Response) -> None:
    """No failure of ours; and a refusal is a problem."""
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code


@TRIED
@given(change=st.dictionaries(FIELDS, ANYTHING, min_size=1, max_size=5))
async def test_no_form_is_half_kept(office: Office, change: Json) -> None:
    before = await kept(office)
    answer = await send(office, "agent", "/complaints", PLAIN | change)
    sound(answer)
    intake, cases = await kept(office)
    new = 1 if answer.status_code == 201 else 0
    assert intake - before[0] == cases - before[1] <= new


@TRIED
@given(act=st.sampled_from(list(ACTS)), change=st.dictionaries(TEXT | st.sampled_from(["kind", "redress", "way", "nps"]), ANYTHING, max_size=3), instead=ANYTHING, whole=st.booleans())  # fmt: skip
async def test_no_act_fails(office: Office, case: Json, act: str, change: Json, instead: Any, whole: bool) -> None:
    user, path, body, required, texts = ACTS[act]
    odd = {f: instead for f in (required + texts)[:2]}
    sound(await send(office, user, path.format(case["reference"]), instead if whole else body | odd | change))


@TRIED
@given(method=st.sampled_from(["GET", "POST"]), reference=TEXT, query=st.dictionaries(TEXT | st.sampled_from(["q", "stage", "limit", "cursor", "due_before"]), TEXT, max_size=3), key=st.binary(max_size=20))  # fmt: skip
async def test_no_address_fails(office: Office, method: str, reference: str, query: dict[str, str], key: bytes) -> None:
    def escaped(text: str) -> str:
        return quote(text.encode("utf-8", "surrogatepass"), safe="")

    tail = "&".join(f"{escaped(k)}={escaped(v)}" for k, v in query.items())
    headers = {"Authorization": f"Bearer {await office.token('agent')}".encode(), "Idempotency-Key": key}
    for path in ("/complaints", f"/complaints/{escaped(reference)}", f"/complaints/{escaped(reference)}/notes"):
        answer = await office.http.request(method, f"{path}?{tail}", headers=headers)
        sound(answer)
