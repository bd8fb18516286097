"""Bad registration forms, on real servers: a 422 that names every field at fault; what is only strange is kept exactly as given."""

import html
import math
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from bad_input import LEGITIMATE, PERSON, Json, at_fault, kept, send
from office import PLAIN, RESOLUTION, Office

from activities.letter_page import upright
from register import read


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


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


# -- text is kept as it is, and is harmless --------------------------------------------------------------------------


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
    stored = (await read.case_state(office.engine, reference) or {})["form"]  # an answer has it masked
    assert {k: stored[k] for k in form if k != "complainant"} == {k: v for k, v in form.items() if k != "complainant"}
    assert {k: v for k, v in stored["complainant"].items() if v is not None} == form["complainant"]
    await sent(office, reference)
    letter = (await read.sendings(office.engine, reference))[0]
    told = upright(text)  # a letter keeps its own words the right way round
    assert told in letter["body"], "the name as it is in plain text"
    assert html.escape(told) in letter["html"].replace("&#34;", "&quot;").replace("&#39;", "&#x27;")
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
