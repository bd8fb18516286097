"""What a search gives away: nothing that is masked for the reader, no telephone by its end, and not without limit."""

import secrets
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from browser import HTML, newcomer, page_session, token_pair, web
from contract import different, new_word, opened, signed_in
from office import PLAIN, Office

from api.auth import KEY_BEGINS
from api.rates import Rates
from complaints.duplicates import whole_number
from register import keys
from register.links import digest, new_token
from register.sign_in_tables import ServiceKey


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return signed_in(office_of_the_file)


def a_number() -> str:
    """A mobile number nobody else has."""
    return f"137{secrets.randbelow(10**8):08}"


async def found(http: httpx.AsyncClient, token: str, q: str) -> list[str]:
    answer = await http.get("/complaints", params={"q": q}, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    return [row["reference"] for row in answer.json()["items"]]


@pytest.mark.parametrize("roles", [["ops"], ["auditor"], ["admin"], ["handler", "auditor"]], ids=" and ".join)
async def test_what_is_masked_for_a_reader_is_not_found_by_its_parts(office: Office, roles: list[str]) -> None:
    number, word = a_number(), new_word()
    matter = f"{PLAIN['matter']}{word}，请联系我爱人 {number}，我叫甘露西。"
    person = PLAIN["complainant"] | {"name": "甘露西", "customer_number": uuid4().hex}
    reference = await opened(office, different(matter=matter, complainant=person))
    reader, agent = await newcomer(office, roles=roles, department="legal"), await newcomer(office, roles=["agent"])
    async with web(office) as http:
        theirs, agents = [(await token_pair(http, name))["access_token"] for name in (reader, agent)]
        for part in (
            f"人 {number[:4]}",
            number,
            number[:7],
            number[3:7],
            "叫甘露西",
            f"{word}，请联系我爱人 {number}",
        ):
            assert reference not in await found(http, theirs, part), part
            assert reference in await found(http, agents, part), part
        for clear in (word, reference, f"{word}，请联系", f"人 {number[:3]}"):
            assert reference in await found(http, theirs, clear), clear
        await page_session(http, reader)
        assert reference not in (await http.get("/desk/complaints", params={"q": number[:7]}, headers=HTML)).text
        assert reference in (await http.get("/desk/complaints", params={"q": word}, headers=HTML)).text
        if "auditor" in roles:
            assert reference not in (await http.get("/desk/complaints.csv", params={"q": number[:7]})).text
            assert reference in (await http.get("/desk/complaints.csv", params={"q": word})).text


async def test_in_the_cases_of_their_own_department_handlers_find_every_word(office: Office) -> None:
    number = a_number()
    case = await office.open(different(matter=f"{PLAIN['matter']}请回电 {number}"))
    roles, department = ["handler", "auditor"], case["assignment"]["department"]
    reader = await newcomer(office, roles=roles, department=department)
    async with web(office) as http:
        token = (await token_pair(http, reader))["access_token"]
        assert await found(http, token, f"电 {number[:9]}") == [case["reference"]]


@pytest.mark.parametrize(("scopes", "finds"), [(["list"], False), (["list", "disclose"], True)])
async def test_a_key_that_is_not_for_disclosing_finds_nothing_masked(
    office: Office, scopes: list[str], finds: bool
) -> None:
    number, name, now = a_number(), await newcomer(office, roles=["agent"]), datetime.now(UTC)
    reference = await opened(office, different(matter=f"{PLAIN['matter']}请回电 {number}"))
    key = KEY_BEGINS + new_token()
    kept = {"id": secrets.token_hex(6), "username": name, "digest": digest(key), "scopes": scopes}
    await keys.make(office.engine, ServiceKey(**kept, made_at=now, expires_at=now + timedelta(days=1)))
    async with web(office) as http:
        assert (await found(http, key, f"电 {number[:9]}") == [reference]) is finds


async def test_a_telephone_is_found_by_the_whole_number_alone(office: Office) -> None:
    mobile, end = a_number(), f"{secrets.randbelow(9) + 1}{secrets.randbelow(10**7):07}"
    told = [f"+86 {mobile[:3]} {mobile[3:7]} {mobile[7:]}", f"021-{end}", f"010-{end}"]
    forms = [different(complainant=PLAIN["complainant"] | {"phone": p, "customer_number": uuid4().hex}) for p in told]
    cases = [await opened(office, form) for form in forms]
    name = await newcomer(office, roles=["agent"])
    async with web(office) as http:
        token = (await token_pair(http, name))["access_token"]
        for q in (mobile, f"0086{mobile}", f"86-{mobile}", told[0]):
            assert await found(http, token, q) == cases[:1], q
        for q in (mobile[-8:], f"136{mobile[3:]}", f"1{mobile}", end, f"0755{end}"):
            assert await found(http, token, q) == [], q
        for q, case in ((f"(021) {end}", cases[1]), (f"+86 10 {end}", cases[2])):
            assert await found(http, token, q) == [case], q


@pytest.mark.parametrize(
    ("phone", "whole"),
    [
        ("+86 138 1234 5678", "13812345678"),
        ("0086-21-51234567", "2151234567"),
        ("(021) 51234567", "2151234567"),
        ("86123456", "86123456"),
        ("+1 415 555 2671", "14155552671"),
        ("0014155552671", "14155552671"),
        (None, ""),
    ],
)
def test_a_number_is_whole_however_it_is_written(phone: str | None, whole: str) -> None:
    assert whole_number(phone) == whole


async def test_who_searches_too_often_waits(office: Office) -> None:
    names = [await newcomer(office, roles=["auditor"]) for _ in range(2)]
    async with web(office, rates=Rates(requests_per_minute=75)) as http:
        mine, others = [{"Authorization": f"Bearer {(await token_pair(http, n))['access_token']}"} for n in names]
        for path in ("/complaints?q=x", "/desk/complaints?q=x", "/desk/complaints.csv?q=CMP-0"):
            assert (await http.get(path, headers=mine)).status_code == 200, path
        for path in ("/complaints?q=x", "/desk/complaints?q=x", "/desk/complaints.csv?q=CMP-0"):
            refused = await http.get(path, headers=mine)
            assert refused.status_code == 429 and refused.json()["type"] == "urn:amends:too_many"
            assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert (await http.get("/complaints", headers=mine)).status_code == 200, "a list without words"
        assert (await http.get("/complaints?q=x", headers=others)).status_code == 200
    assert Rates().requests_per_minute // 25 == 120, "as docs/sign-in.md says"
