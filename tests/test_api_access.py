"""Who may do what over HTTP, on real servers: signing in, tokens that are not good, and each route for each role."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from contract import ALL, problem, signed_in, token
from office import PASSWORD, SECRET, Office
from sqlalchemy import insert

from api.auth import HASHER
from register.tables import Staff

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
    "POST /complaints/{reference}/disclosures": {"agent", "handler", "supervisor", "manager"},
    "GET /query-log": {"auditor", "manager"},
    "GET /audit": {"auditor"},
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


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return signed_in(office_of_the_file)


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
