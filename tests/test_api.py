"""The contract over HTTP, on real servers: who may do what, what happens once, what a list and a refusal look like."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import jsonschema
import jwt
import pytest
from office import MAJOR, PASSWORD, PLAIN, RESOLUTION, SECRET, Office, free_port, office_at
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RetryConfig
from temporalio.testing import WorkflowEnvironment

from activities.channels import Post
from api.app import create_app
from api.auth import HASHER
from api.errors import PROBLEM
from api.parts import Parts
from complaints.names import Role
from register.connect import engine as connect_register
from register.tables import Staff

Json = dict[str, Any]
ALL = {r.value for r in Role}
OPEN_TO_ALL = None
ROUTES: dict[str, set[str] | None] = {
    "POST /auth/token": OPEN_TO_ALL,
    "GET /healthz": OPEN_TO_ALL,
    "GET /readyz": OPEN_TO_ALL,
    "GET /metrics": OPEN_TO_ALL,
    "GET /c/{token}": OPEN_TO_ALL,  # the token in the address is the key: a complainant has no account
    "POST /c/{token}/facts": OPEN_TO_ALL,
    "POST /c/{token}/withdrawal": OPEN_TO_ALL,
    "POST /c/{token}/rating": OPEN_TO_ALL,
    "POST /complaints": {"agent"},
    "GET /complaints": ALL,
    "GET /complaints/{reference}": ALL,
    "GET /complaints/{reference}/timeline": ALL,
    "GET /complaints/{reference}/letters": ALL,
    "GET /complaints/{reference}/duplicates": ALL,
    "GET /notices": ALL,
    "POST /complaints/{reference}/classification": {"agent", "supervisor"},
    "POST /complaints/{reference}/assignment": {"supervisor"},
    "POST /complaints/{reference}/acceptance": {"handler"},
    "POST /complaints/{reference}/resolution": {"handler"},
    "POST /complaints/{reference}/feedback": {"agent", "handler"},
    "POST /complaints/{reference}/callbacks": {"agent"},
    "POST /complaints/{reference}/withdrawal": {"agent", "handler"},
    "POST /complaints/{reference}/notes": {"agent", "handler"},
    "POST /complaints/{reference}/extension": {"handler"},
    "POST /complaints/{reference}/extension/notice": {"agent", "handler"},
    "POST /complaints/{reference}/pause": {"handler"},
    "POST /complaints/{reference}/resume": {"agent", "handler"},
    "POST /complaints/{reference}/transfers": {"handler"},
    "POST /complaints/{reference}/transfers/{number}/answer": {"handler"},
    "POST /complaints/{reference}/plan": {"handler", "supervisor"},
    "POST /complaints/{reference}/duties/{number}/answer": {"handler", "supervisor"},
    "POST /complaints/{reference}/duties/{number}/change": {"handler", "supervisor"},
    "POST /complaints/{reference}/links": {"agent", "handler", "supervisor"},
    "POST /complaints/{reference}/reopening": {"agent", "supervisor"},
    "POST /complaints/{reference}/incident": {"agent", "supervisor", "manager"},
    "POST /complaints/{reference}/incident/leaving": {"supervisor", "manager"},
    "GET /transfers": {"handler", "supervisor", "manager", "auditor"},
    "GET /duties": {"handler", "supervisor", "manager", "auditor"},
    "GET /approvals": {"supervisor", "manager", "auditor"},  # the auditor reads everything and changes nothing
    "POST /approvals/{approval}/decision": {"supervisor", "manager"},
    "GET /incidents": {"manager", "auditor"},
    "POST /incidents/{incident}/acknowledgement": {"manager"},
    "POST /incidents/{incident}/log": {"manager"},
    "POST /incidents/{incident}/report": {"manager"},
    "GET /incidents/{incident}": {"manager", "auditor"},
    "POST /incidents/{incident}/tasks": {"manager"},
    "POST /incidents/{incident}/tasks/{number}/done": ALL,  # whoever was given it
    "POST /incidents/{incident}/handover": {"manager"},
    "POST /incidents/{incident}/answer": {"manager"},
    "POST /incidents/{incident}/standdown": {"manager"},
}
"""Who may call what, from the contract. A new route belongs here before it is served."""

CLOSED = [route for route, roles in ROUTES.items() if roles is not OPEN_TO_ALL]
NOBODYS = {
    "{reference}": "CMP-2026-999999999999",
    "{approval}": "CMP-2026-999999999999-A1",
    "{incident}": "CMP-2026-999999999999-M1",
    "{number}": "1",
}
"""Well-formed identifiers of a case that does not exist."""

TITLES = {
    "unauthenticated": (401, "sign in"),
    "not_allowed": (403, "not yours to do"),
    "not_yours": (403, "not yours to do"),
    "own_work": (403, "not yours to do"),
    "unknown": (404, "unknown"),
    "no_such_method": (405, "no such method"),
    "wrong_stage": (409, "not possible now"),
    "too_soon": (409, "not possible now"),
    "key_reused": (409, "not possible now"),
    "invalid": (422, "fields at fault"),
    "unavailable": (503, "a part is down"),
}
"""What clients hold on to: the status and title that go with each type."""


@pytest.fixture(scope="module")
async def office(
    temporal: WorkflowEnvironment, register: AsyncEngine, post: Post, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    """One office for the whole file; nothing here moves the clock."""
    folder = tmp_path_factory.mktemp("rules")
    async with office_at(datetime(2026, 3, 10, 10), temporal, register, post, folder, None, "mass") as here:
        here.tokens |= {role: token(sub=role) for role in ALL}  # a password takes long on purpose
        yield here


def problem(answer: httpx.Response, kind: str) -> Json:
    """It is that refusal, in the form of RFC 9457."""
    status, title = TITLES[kind]
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said: Json = answer.json()
    assert (said["type"], said["status"], said["title"]) == (f"urn:amends:{kind}", status, title)
    assert isinstance(said["detail"], str) and said["detail"]
    jsonschema.validate(said, PROBLEM)
    for error in said.get("errors", []):
        assert set(error) == {"field", "code", "message"} and all(isinstance(v, str) and v for v in error.values())
    return said


def different(**more: Any) -> Json:
    """A form that nobody has sent before."""
    return PLAIN | {"complainant": PLAIN["complainant"] | {"customer_number": uuid4().hex}} | more


def new_word() -> str:
    """A word nobody has written, of characters so rare that no rule of classification knows them."""
    return "".join(chr(0x3400 + byte) for byte in uuid4().bytes)


# -- signing in ------------------------------------------------------------------------------------------------------


async def test_a_right_password_gives_a_token_that_works(office: Office) -> None:
    answer = await office.http.post("/auth/token", data={"username": "agent", "password": PASSWORD})
    said = answer.json()
    assert answer.status_code == 200 and said["token_type"] == "bearer" and said["expires_in"] > 0
    bearer = {"Authorization": f"Bearer {said['access_token']}"}
    assert (await office.http.get("/complaints", headers=bearer)).status_code == 200


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("agent", "wrong"),
        ("agent", ""),
        ("agent", "x" * 100_000),
        ("nobody", PASSWORD),
        ("AGENT", PASSWORD),
        ("agent ", PASSWORD),
        ("agent\n", PASSWORD),
        ("agent\0", PASSWORD),
        ("ag%", PASSWORD),
        ("' OR '1'='1", PASSWORD),
        ("agent'; DROP TABLE staff; --", PASSWORD),
        ("代理", PASSWORD),
        ("a" * 10_000, PASSWORD),
    ],
)
async def test_a_wrong_sign_in_does_not_say_what_was_wrong(office: Office, username: str, password: str) -> None:
    answer = await office.http.post("/auth/token", data={"username": username, "password": password})
    if password:
        assert problem(answer, "unauthenticated")["detail"] == "wrong user name or password"
        assert answer.headers["www-authenticate"] == "Bearer"
    else:
        assert [e["field"] for e in problem(answer, "invalid")["errors"]] == ["password"]


async def test_a_disabled_account_neither_signs_in_nor_goes_on_with_its_token(office: Office) -> None:
    gone = {"username": "gone", "name": "离职", "email": "gone@staff.demo.example", "roles": ["agent"], "skills": []}
    row = gone | {"state": "disabled", "language": "en", "password": HASHER.hash(PASSWORD), "demo": True}
    async with office.engine.begin() as db:
        await db.execute(insert(Staff).values(row))
    problem(await office.http.post("/auth/token", data={"username": "gone", "password": PASSWORD}), "unauthenticated")
    problem(await bearing(office, token(sub="gone")), "unauthenticated")


def token(key: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    good: Json = {"sub": "admin", "aud": "amends", "exp": datetime.now(UTC) + timedelta(minutes=5)}
    return jwt.encode({k: v for k, v in (good | claims).items() if v is not None}, key, algorithm=algorithm)


def tampered() -> str:
    """A token of ours whose middle now names somebody else."""
    head, _, signature = token(sub="auditor").split(".")
    return f"{head}.{token(sub='admin').split('.')[1]}.{signature}"


def of_header(header: bytes) -> str:
    return base64.urlsafe_b64encode(header).rstrip(b"=").decode() + ".e30.e30"


async def bearing(office: Office, bearer: str | bytes) -> httpx.Response:
    raw = bearer.encode() if isinstance(bearer, str) else bearer
    return await office.http.get("/complaints", headers={"Authorization": b"Bearer " + raw})


async def test_the_tokens_below_are_refused_for_what_is_wrong_with_them_alone(office: Office) -> None:
    assert (await bearing(office, token())).status_code == 200


@pytest.mark.parametrize(
    "bearer",
    [
        pytest.param(token(exp=datetime.now(UTC) - timedelta(seconds=1)), id="expired"),
        pytest.param(token(exp=None), id="never expires"),
        pytest.param(token(sub=None), id="nobody's"),
        pytest.param(token(sub="nobody"), id="an unknown user's"),
        pytest.param(token(aud="another-system"), id="another audience"),
        pytest.param(token(aud=None), id="no audience"),
        pytest.param(token(key="another secret of another system, forty"), id="foreign key"),
        pytest.param(token(key="", algorithm="none"), id="alg none"),
        pytest.param(token(key=SECRET * 2, algorithm="HS512"), id="another algorithm"),
        pytest.param(token().rsplit(".", 1)[0] + ".", id="unsigned"),
        pytest.param(tampered(), id="tampered"),
        pytest.param("", id="empty"),
        pytest.param("not.a.token", id="no token at all"),
        pytest.param("é.é.é".encode("latin-1"), id="latin-1"),
        pytest.param(b"\x00\xff", id="bytes"),
        pytest.param(of_header(b"[]"), id="header is a list"),
        pytest.param(of_header(b"[" * 40_000), id="header nested deeply"),
    ],
)
async def test_a_token_that_is_not_ours_or_not_good_any_more_is_refused(office: Office, bearer: str | bytes) -> None:
    answer = await bearing(office, bearer)
    problem(answer, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


# -- who may call what -----------------------------------------------------------------------------------------------


async def test_every_route_is_in_the_table_and_in_the_openapi_document(office: Office) -> None:
    document = (await office.http.get("/openapi.json")).json()
    served = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert served == set(ROUTES), "say in ROUTES who may call the new route"
    assert (await office.http.get("/docs")).status_code == 200
    refusals = {f"{m.upper()} {p}": o["responses"] for p, ms in document["paths"].items() for m, o in ms.items()}
    assert all("application/problem+json" in r["default"]["content"] and "422" not in r for r in refusals.values())
    for route, roles in ROUTES.items():
        method, path = route.split()
        secured = bool(document["paths"][path][method.lower()].get("security"))
        assert secured is (roles is not OPEN_TO_ALL), route


async def called(office: Office, route: str, user: str | None) -> httpx.Response:
    method, path = route.split()
    for name, identifier in NOBODYS.items():
        path = path.replace(name, identifier)
    headers = {"Authorization": f"Bearer {await office.token(user)}"} if user else {}
    return await office.http.request(method, path, json={} if method == "POST" else None, headers=headers)


@pytest.mark.parametrize("route", CLOSED)
async def test_no_route_answers_a_stranger(office: Office, route: str) -> None:
    answer = await called(office, route, None)
    problem(answer, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("route", CLOSED)
async def test_each_role_can_call_what_is_its_own_and_nothing_else(office: Office, route: str) -> None:
    answers = await asyncio.gather(*(called(office, route, role) for role in sorted(ALL)))
    for role, answer in zip(sorted(ALL), answers, strict=True):
        if role in (ROUTES[route] or ()):
            assert answer.status_code in (200, 404, 422), (role, answer.text)
        else:
            problem(answer, "not_allowed")


# -- once, and once only ---------------------------------------------------------------------------------------------


async def opened(office: Office, form: Json, user: str = "agent", key: str | None = None) -> str:
    answer = await office.call(user, "POST", "/complaints", form, **({"Idempotency-Key": key} if key else {}))
    assert answer.status_code == 201, answer.text
    reference: str = answer.json()["reference"]
    assert answer.headers["location"] == f"/complaints/{reference}"
    return reference


async def test_a_key_gives_the_case_it_opened_and_no_other(office: Office) -> None:
    form, key = different(), str(uuid4())
    first = await opened(office, form, key=key)
    assert await opened(office, form, key=key) == first
    other = await office.call("agent", "POST", "/complaints", form | {"demand": "赔偿"}, **{"Idempotency-Key": key})
    problem(other, "key_reused")
    assert await opened(office, form, key=key) == first
    assert await opened(office, form, user="agent.zhou", key=key) != first  # the key is another agent's own
    assert await opened(office, form, key=str(uuid4())) != first


async def test_without_a_key_the_same_body_of_the_same_agent_is_the_same_case(office: Office) -> None:
    form = different()
    first = await opened(office, form)
    assert await opened(office, dict(reversed(form.items()))) == first
    assert await opened(office, form | {"demand": "赔偿"}) != first
    assert await opened(office, form, user="agent.zhou") != first


@pytest.mark.parametrize("key", [None, "ten-at-once"])
async def test_ten_equal_requests_at_once_open_one_case(office: Office, key: str | None) -> None:
    word = new_word()
    form = PLAIN | {"matter": PLAIN["matter"] + word}
    assert len(set(await asyncio.gather(*(opened(office, form, key=key) for _ in range(10))))) == 1
    assert len(await listed(office, q=word)) == 1


async def test_an_act_repeated_under_its_key_happens_once(office: Office) -> None:
    reference = await opened(office, different())
    path, key = f"/complaints/{reference}/notes", {"Idempotency-Key": str(uuid4())}
    for _ in range(2):
        answers = await asyncio.gather(*(office.call("agent", "POST", path, {"text": "一"}, **key) for _ in range(3)))
        assert {a.status_code for a in answers} == {200}
    assert [n["text"] for n in (await office.case(reference))["notes"]] == ["一"]
    await office.call("agent", "POST", path, {"text": "一"}, **{"Idempotency-Key": str(uuid4())})
    await office.call("handler", "POST", path, {"text": "一"}, **key)  # another person's key is another key
    assert len((await office.case(reference))["notes"]) == 3


async def test_the_act_that_closed_the_case_can_be_repeated_too(office: Office) -> None:
    reference = await opened(office, different())
    key = {"Idempotency-Key": str(uuid4())}
    for _ in range(2):
        answer = await office.call("agent", "POST", f"/complaints/{reference}/withdrawal", {"reason": "撤诉"}, **key)
        assert (answer.status_code, answer.json()["outcome"]) == (200, "withdrawn"), answer.text


async def test_a_key_of_one_act_is_refused_for_another(office: Office) -> None:
    case = await office.open(different())
    reference, handler = case["reference"], case["assignment"]["handler"]
    key = {"Idempotency-Key": str(uuid4())}
    await office.call(handler, "POST", f"/complaints/{reference}/notes", {"text": "一"}, **key)
    problem(await office.call(handler, "POST", f"/complaints/{reference}/notes", {"text": "二"}, **key), "key_reused")
    problem(await office.call(handler, "POST", f"/complaints/{reference}/acceptance", {}, **key), "key_reused")


# -- lists -----------------------------------------------------------------------------------------------------------

ANONYMOUS = {"complainant": None, "channel": "box", "product": None, "amount": None, "demand": None}


@pytest.fixture(scope="module")
async def several(office: Office) -> tuple[str, list[Json]]:
    """Cases of every sort under one mark, newest first as a list has them."""
    mark = new_word()
    long_ago = {"channel": "letter", "received_at": office.real(datetime(2026, 2, 2, 9)).isoformat()}
    sorts: list[Json] = [
        PLAIN,
        MAJOR,
        PLAIN | long_ago,
        PLAIN | ANONYMOUS | {"matter": "网点柜员态度恶劣，辱骂客户，希望银行严肃处理并加强培训。"},
        PLAIN | {"matter": "？？？", "product": None, "amount": None, "demand": None},
    ]
    cases = [await office.open(form | {"matter": f"{form['matter']}{mark}"}) for form in sorts]
    await office.act("agent", cases[0]["reference"], "withdrawal", {"reason": "撤诉"})
    return mark, [await office.case(c["reference"]) for c in reversed(cases)]


async def listed(office: Office, **query: Any) -> list[str]:
    answer = await office.http.get(
        "/complaints", params=query, headers={"Authorization": f"Bearer {await office.token('auditor')}"}
    )
    assert answer.status_code == 200, answer.text
    return [row["reference"] for row in answer.json()["items"]]


@pytest.mark.parametrize("limit", [1, 2, 5, 200])
async def test_paging_has_no_gap_and_no_repeat(office: Office, several: tuple[str, list[Json]], limit: int) -> None:
    mark, cases = several
    bearer = {"Authorization": f"Bearer {await office.token('auditor')}"}
    found: list[str] = []
    query: Json = {"q": mark, "limit": limit}
    while True:
        page = (await office.http.get("/complaints", params=query, headers=bearer)).json()
        assert len(page["items"]) <= limit
        found += [row["reference"] for row in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert found == [c["reference"] for c in cases]


async def test_what_comes_in_between_two_pages_moves_nothing(office: Office) -> None:
    word = new_word()
    oldest, older, new, newest = [different(matter=f"{PLAIN['matter']}{word}") for _ in range(4)]
    references = [await opened(office, form) for form in (oldest, older, new)]
    first = (await office.call("auditor", "GET", f"/complaints?q={word}&limit=2")).json()
    await opened(office, newest)
    second = (await office.call("auditor", "GET", f"/complaints?q={word}&limit=2&cursor={first['next']}")).json()
    assert [row["reference"] for row in first["items"] + second["items"]] == references[::-1]
    assert second["next"] is None


def due(case: Json) -> datetime | None:
    running = [datetime.fromisoformat(c["due_at"]) for c in case["clocks"] if c["stopped_at"] is None]
    return min(running, default=None)


SOON = datetime.now(UTC)
FILTERS: list[tuple[str, Any, Callable[[Json], bool]]] = [
    ("stage", "assigned", lambda c: c["stage"] == "assigned"),
    ("stage", "closed", lambda c: c["stage"] == "closed"),
    ("stage", "received", lambda c: c["stage"] == "received"),
    ("kind", "major", lambda c: "major" in c["classification"]["kinds"]),
    ("kind", "anonymous", lambda c: "anonymous" in c["classification"]["kinds"]),
    ("breached", "true", lambda c: any(k["state"] == "breached" for k in c["clocks"])),
    ("breached", "false", lambda c: all(k["state"] != "breached" for k in c["clocks"])),
    ("due_before", SOON.isoformat(), lambda c: (due(c) or datetime.max.replace(tzinfo=UTC)) < SOON),
    ("due_before", (SOON + timedelta(hours=3)).isoformat(), lambda c: c["stage"] != "closed" and due(c) < SOON + timedelta(hours=3)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "fits"), FILTERS)
async def test_a_filter_gives_what_fits_and_nothing_else(
    office: Office, several: tuple[str, list[Json]], name: str, value: str, fits: Callable[[Json], bool]
) -> None:
    mark, cases = several
    expected = [c["reference"] for c in cases if fits(c)]
    assert 0 < len(expected) < len(cases), "the filter would prove nothing"
    assert await listed(office, q=mark, **{name: value}) == expected


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("nature", lambda c: c["classification"]["nature"]),
        ("handler", lambda c: c["assignment"] and c["assignment"]["handler"]),
        ("department", lambda c: c["assignment"] and c["assignment"]["department"]),
    ],
)
async def test_a_filter_by_a_name_parts_the_cases(
    office: Office, several: tuple[str, list[Json]], name: str, of: Callable[[Json], str | None]
) -> None:
    mark, cases = several
    names = {value for c in cases if (value := of(c))}
    assert len(names) > 1
    for value in names:
        assert await listed(office, q=mark, **{name: value}) == [c["reference"] for c in cases if of(c) == value]
    if name != "nature":
        assert await listed(office, q=mark, **{name: "nobody"}) == []


async def test_filters_narrow_each_other(office: Office, several: tuple[str, list[Json]]) -> None:
    mark, cases = several
    both = [c["reference"] for c in cases if c["stage"] == "assigned" and "major" in c["classification"]["kinds"]]
    assert len(both) == 1
    assert await listed(office, q=mark, stage="assigned", kind="major") == both
    assert await listed(office, q=mark, stage="closed", kind="major") == []


async def test_search_finds_a_reference_or_words_and_takes_signs_literally(office: Office) -> None:
    word = new_word()
    reference = await opened(office, PLAIN | {"matter": f"{PLAIN['matter']}100%_Off\\{word}"})
    for found in (reference, word, f"100%_off\\{word}", f"{word[:-1]}"):
        assert await listed(office, q=found) == [reference]
    for other in (f"{word}%", f"%{word}", f"{word[:5]}_{word[6:]}", f"{word[:5]}%{word[6:]}", f"100__Off\\{word}"):
        assert await listed(office, q=other) == []


# -- one case --------------------------------------------------------------------------------------------------------


async def test_an_opened_case_says_what_the_contract_promises(office: Office) -> None:
    form = different()
    case = await office.open(form)
    assert {"reference", "stage", "classification", "assignment", "clocks"} <= set(case)
    assert {k: case[k] for k in form if k != "complainant"} == {k: v for k, v in form.items() if k != "complainant"}
    for clock in case["clocks"]:
        promised = {"name", "started_at", "due_at", "warned_at", "stopped_at", "state", "lateness_seconds"}
        assert promised | {"calendar", "rule", "source"} <= set(clock)
        assert clock["state"] in ("met", "breached", "running", "paused")
        assert datetime.fromisoformat(clock["due_at"]).tzinfo is not None
    assert (await office.case(case["reference"]))["reference"] == case["reference"]


async def test_the_timeline_is_in_order_and_in_both_languages(office: Office) -> None:
    case = await office.open(different())
    await office.act(case["assignment"]["handler"], case["reference"], "acceptance")
    events = await office.events(case["reference"])
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    times = [datetime.fromisoformat(e["at"]) for e in events]
    assert times == sorted(times) and all(t.tzinfo for t in times)
    assert events[0]["kind"] == "received" and "accepted" in [e["kind"] for e in events]
    assert all(e["text"]["zh-CN"] and e["text"]["en"] and e["text"]["zh-CN"] != e["text"]["en"] for e in events)


UNKNOWN = "CMP-2026-999999999999"


@pytest.mark.parametrize(
    ("user", "method", "path", "body"),
    [
        ("agent", "GET", f"/complaints/{UNKNOWN}", None),
        ("agent", "GET", f"/complaints/{UNKNOWN}/timeline", None),
        ("agent", "GET", f"/complaints/{UNKNOWN}/letters", None),
        ("agent", "POST", f"/complaints/{UNKNOWN}/notes", {"text": "x"}),
        ("handler", "POST", f"/complaints/{UNKNOWN}/resolution", RESOLUTION),
        ("supervisor", "POST", f"/approvals/{UNKNOWN}-A1/decision", {"decision": "approve", "reason": "x"}),
        ("manager", "POST", f"/incidents/{UNKNOWN}-M1/log", {"text": "x"}),
        ("agent", "GET", "/nowhere", None),
    ],
)
async def test_what_is_not_there_is_unknown(office: Office, user: str, method: str, path: str, body: Any) -> None:
    problem(await office.call(user, method, path, body), "unknown")


async def test_an_approval_or_incident_of_another_number_is_unknown(office: Office) -> None:
    case = await office.open(MAJOR | {"matter": MAJOR["matter"] + new_word()})
    reference = case["reference"]
    body = {"decision": "approve", "reason": "x"}
    problem(await office.call("supervisor", "POST", f"/approvals/{reference}-A9/decision", body), "unknown")
    problem(await office.call("manager", "POST", f"/incidents/{reference}-M2/acknowledgement", {}), "unknown")
    assert (await office.case(reference))["incident"]["acknowledged_at"] is None
    assert (await office.call("manager", "POST", f"/incidents/{reference}-M1/acknowledgement", {})).status_code == 200


async def test_a_method_that_is_not_there(office: Office) -> None:
    answer = await office.call("agent", "DELETE", "/complaints")
    problem(answer, "no_such_method")
    assert answer.headers["allow"]


@pytest.fixture(scope="module")
async def by_stage(office: Office) -> dict[str, Json]:
    """A case in each of some stages."""
    assigned, closed, telephone = [await office.open(different(channel="telephone")) for _ in range(3)]
    await office.act("agent", closed["reference"], "withdrawal", {"reason": "撤诉"})
    await office.to_callback(telephone)
    return {"assigned": assigned, "closed": closed, "feedback": telephone}


@pytest.mark.parametrize(
    ("stage", "user", "act", "body"),
    [
        ("assigned", None, "resolution", RESOLUTION),
        ("assigned", "agent", "feedback", {}),
        ("assigned", "agent", "callbacks", {"reached": True, "satisfaction": 5}),
        ("feedback", "agent", "classification", {"nature": "service", "reason": "x"}),
        ("feedback", "supervisor", "assignment", {"department": "card_centre", "reason": "x"}),
        ("feedback", None, "acceptance", {}),
        ("feedback", None, "resolution", RESOLUTION),
        ("feedback", "agent", "callbacks", {"reached": True, "satisfaction": 5}),
        ("closed", "agent", "classification", {"nature": "service", "reason": "x"}),
        ("closed", "supervisor", "assignment", {"department": "card_centre", "reason": "x"}),
        ("closed", None, "acceptance", {}),
        ("closed", None, "resolution", RESOLUTION),
        ("closed", "agent", "feedback", {}),
        ("closed", "agent", "callbacks", {"reached": True, "satisfaction": 5}),
        ("closed", "agent", "withdrawal", {"reason": "x"}),
        ("closed", "agent", "notes", {"text": "x"}),
    ],
)
async def test_an_act_in_the_wrong_stage_says_where_the_case_stands_and_what_is_possible(
    office: Office, by_stage: dict[str, Json], stage: str, user: str | None, act: str, body: Json
) -> None:
    case = by_stage[stage]
    before = await office.case(case["reference"])
    assert before["stage"] == stage
    who = user or case["assignment"]["handler"]
    said = problem(await office.call(who, "POST", f"/complaints/{case['reference']}/{act}", body), "wrong_stage")
    assert said["stage"] == stage
    assert said["possible"] == before["possible"]
    assert ("withdrawal" in said["possible"]) is (stage != "closed")
    assert (await office.case(case["reference"]))["seq"] == before["seq"]


async def test_a_case_of_another_is_not_yours(office: Office, by_stage: dict[str, Json]) -> None:
    path = f"/complaints/{by_stage['assigned']['reference']}/acceptance"
    problem(await office.call("handler.legal", "POST", path), "not_yours")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"department": "nowhere", "handler": "nobody"}, {"department", "handler"}),
        ({"department": "card_centre", "handler": "agent"}, {"handler"}),
        ({"department": "card_centre", "handler": "handler.collections"}, {"handler"}),
    ],
)
async def test_a_case_is_given_to_those_alone_who_can_take_it(
    office: Office, by_stage: dict[str, Json], body: Json, fields: set[str]
) -> None:
    path = f"/complaints/{by_stage['assigned']['reference']}/assignment"
    said = problem(await office.call("supervisor", "POST", path, body | {"reason": "x"}), "invalid")
    assert {e["field"] for e in said["errors"]} == fields


# -- how the system is -----------------------------------------------------------------------------------------------


async def test_health_readiness_and_figures_need_no_token(office: Office) -> None:
    assert (await office.http.get("/healthz")).json() == {"status": "alive"}
    ready = await office.http.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"status": "ready", "parts": {"database": "up", "temporal": "up", "worker": "up"}}

    async def waiting() -> float:
        figures = (await office.http.get("/metrics")).text
        line = next(x for x in figures.splitlines() if x.startswith('amends_open_complaints{stage="assigned"}'))
        return float(line.split()[-1])

    reference = await opened(office, different())
    before = await waiting()
    await opened(office, different())
    assert await waiting() == before + 1
    assert reference not in (await office.http.get("/metrics")).text


async def test_without_the_register_it_is_503_and_says_when_to_try_again(office: Office) -> None:
    nowhere = connect_register(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none")
    app = create_app(Parts(nowhere, office.env.client, SECRET, office.queue))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app, False), base_url="http://test") as http:
        bearer = {"Authorization": f"Bearer {token(sub='agent')}"}
        for answer in (
            await http.post("/complaints", json=PLAIN, headers=bearer),
            await http.get("/complaints", headers=bearer),
            await http.post("/auth/token", data={"username": "agent", "password": PASSWORD}),
        ):
            problem(answer, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()["parts"]["database"]) == (503, "down")
        assert (await http.get("/healthz")).status_code == 200
    await nowhere.dispose()


async def test_without_temporal_a_complaint_is_kept_and_opened_later_once(office: Office) -> None:
    away = await Client.connect(
        f"127.0.0.1:{free_port()}",
        lazy=True,
        data_converter=pydantic_data_converter,
        retry_config=RetryConfig(max_elapsed_time_millis=200),
    )
    app = create_app(Parts(office.engine, away, SECRET, office.queue))
    form, key = different(), {"Idempotency-Key": str(uuid4())}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app, False), base_url="http://test", timeout=30) as http:
        bearer = {"Authorization": f"Bearer {await office.token('agent')}"}
        kept = await http.post("/complaints", json=form, headers=bearer | key)
        assert kept.status_code == 202, kept.text
        reference = kept.json()["reference"]
        assert kept.json() == {"reference": reference, "stage": "received"}
        shown = (await http.get(f"/complaints/{reference}", headers=bearer)).json()
        assert (shown["stage"], shown["matter"]) == ("received", form["matter"])
        noted = await http.post(f"/complaints/{reference}/notes", json={"text": "x"}, headers=bearer)
        problem(noted, "unavailable")
        assert int(noted.headers["retry-after"]) > 0
        ready = (await http.get("/readyz")).json()
        assert (ready["status"], ready["parts"]["temporal"]) == ("degraded", "down")
    said = problem(await office.call("agent", "POST", f"/complaints/{reference}/notes", {"text": "x"}), "wrong_stage")
    assert said["stage"] == "received"
    assert await opened(office, form, key=key["Idempotency-Key"]) == reference
    assert (await office.case(reference))["stage"] == "assigned"


async def test_a_refusal_says_nothing_of_what_was_sent(office: Office) -> None:
    secret = "622202 1234 5678 901"
    body = PLAIN | {"channel": secret, "amount": {"value": secret, "currency": secret}, "language": secret}
    answer = await office.call("agent", "POST", "/complaints", body)
    said = problem(answer, "invalid")
    assert {e["field"] for e in said["errors"]} == {"channel", "amount.value", "amount.currency", "language"}
    assert secret not in json.dumps(said)
