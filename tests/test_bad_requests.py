"""Bad requests, on real servers: bodies that are no form at all, odd paths, queries, keys and sign-ins; never a 5xx."""

import json
from collections.abc import AsyncIterator
from urllib.parse import quote
from uuid import uuid4

import pytest
from bad_input import Json, at_fault, kept, send
from office import MAJOR, PASSWORD, PLAIN, Office


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


@pytest.fixture(scope="module")
async def case(office: Office) -> Json:
    """A case that a note could be written on."""
    return await office.open(MAJOR | {"channel": "telephone"})


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
    others = {name: value for name, value in json.loads(GOOD).items() if name != "amount"}
    body = json.dumps(others).encode()[:-1] + b', "amount": {"value": ' + number + b', "currency": "CNY"}}'
    answer = await send(office, "agent", "/complaints", body)
    if fault:
        assert at_fault(answer) == {"amount.value"}
    else:
        assert answer.json()["amount"]["value"] in ("0.00", "300.00")


@pytest.mark.parametrize(
    "twice",
    [b', "channel": "email"}', b', "about": {"person": "a", "person": "b"}}', b', "ch\\u0061nnel": "fax"}'],
)
async def test_a_field_given_twice_is_refused(office: Office, twice: bytes) -> None:
    """Two readers could take a different one of them."""
    before = await kept(office)
    answer = await send(office, "agent", "/complaints", GOOD[:-1] + twice)
    assert at_fault(answer) == {"body"}
    assert [e["code"] for e in answer.json()["errors"]] == ["duplicate"]
    assert await kept(office) == before


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
    if answer.url.path == "/":  # the dots were taken for a way up, to where the pages begin
        return
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
