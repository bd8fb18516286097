"""Signing in over HTTP, on real servers, tokens that are not good, and the contract's table of who may call what."""

import base64
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from contract import ALL, problem, signed_in, token
from fastapi.routing import APIRoute
from office import PASSWORD, SECRET, Office
from sqlalchemy import insert

from api.access import Who
from api.app import PAGES
from policies.access import TABLE
from register.tables import Staff
from run.drill.office import QUICK

READERS = {"supervisor", "manager", "auditor"}
CONTRACT: dict[str, set[str]] = {
    "POST /complaints": {"agent"},
    "GET /complaints": ALL,
    "GET /complaints/{reference}": ALL,
    "GET /complaints/{reference}/timeline": ALL,
    "POST /complaints/{reference}/classification": {"agent", "supervisor"},
    "POST /complaints/{reference}/assignment": {"supervisor"},
    "POST /complaints/{reference}/acceptance": {"handler"},
    "POST /complaints/{reference}/transfers": {"handler"},
    "POST /complaints/{reference}/transfers/{number}/answer": {"handler"},
    "POST /complaints/{reference}/resolution": {"handler"},
    "POST /complaints/{reference}/extension": {"handler"},
    "POST /complaints/{reference}/pause": {"handler"},
    "POST /complaints/{reference}/resume": {"agent", "handler"},
    "POST /complaints/{reference}/withdrawal": {"agent", "handler"},
    "POST /complaints/{reference}/notes": {"agent", "handler"},
    "POST /complaints/{reference}/links": {"agent", "handler", "supervisor"},
    "POST /complaints/{reference}/feedback": {"agent", "handler"},
    "POST /complaints/{reference}/callbacks": {"agent"},
    "GET /approvals": READERS,  # the auditor reads everything and changes nothing
    "POST /approvals/{approval}/decision": {"supervisor", "manager"},
    "GET /incidents": {"manager", "auditor"},
    "POST /incidents/{incident}/acknowledgement": {"manager"},
    "POST /incidents/{incident}/log": {"manager"},
    "POST /incidents/{incident}/report": {"manager"},
    "GET /healthz": set(),
    "GET /readyz": set(),
    "GET /metrics": set(),
    "POST /auth/token": set(),
}
"""Who may call what, as the contract has it; nobody named: no sign-in. How far each may, tests/test_access.py tries."""


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
    row = gone | {"state": "disabled", "language": "en", "password": QUICK.hash(PASSWORD), "demo": True}
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
        pytest.param(of_header(b"[" * 4_000), id="header nested deeply"),
    ],
)
async def test_a_token_that_is_not_ours_or_not_good_any_more_is_refused(office: Office, bearer: str | bytes) -> None:
    answer = await bearing(office, bearer)
    problem(answer, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


# -- who may call what -----------------------------------------------------------------------------------------------


def test_the_table_keeps_to_the_contract() -> None:
    assert {route: {*TABLE.routes[route].roles} for route in CONTRACT} == CONTRACT


async def test_every_route_is_in_the_table_and_in_the_openapi_document(office: Office) -> None:
    document = (await office.http.get("/openapi.json")).json()
    served = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    unlisted = {"HEAD /openapi.json", "HEAD /c/{token}", "GET /openapi.json", "GET /static-offline-docs"}
    unlisted |= {"GET /docs", "GET /docs/oauth2-redirect", "GET /redoc", "GET /static"}
    routes = [route for module in PAGES for route in module.router.routes if isinstance(route, APIRoute)]
    unlisted |= {f"{method} {route.path}" for route in routes for method in route.methods or ()}
    assert served == set(TABLE.routes) - unlisted, "the table names a route that is not served"
    assert (await office.http.get("/docs")).status_code == 200
    refusals = {f"{m.upper()} {p}": o["responses"] for p, ms in document["paths"].items() for m, o in ms.items()}
    assert all("application/problem+json" in r["default"]["content"] and "422" not in r for r in refusals.values())
    for route in served:
        method, path = route.split()
        secured = bool(document["paths"][path][method.lower()].get("security"))
        assert secured is not bool(TABLE.routes[route].public), route


@pytest.mark.parametrize(
    ("method", "path", "asks", "says"),
    [
        ("GET", "/complaints/all", True, "not in policies/access.yaml"),
        ("DELETE", "/complaints/{reference}", True, "not in policies/access.yaml"),
        ("GET", "/complaints", False, "does not ask who calls"),
        ("GET", "/healthz", True, "asks for one"),
    ],
)
def test_a_route_the_table_does_not_know_or_that_asks_nobody_keeps_the_application_from_starting(
    method: str, path: str, asks: bool, says: str
) -> None:
    async def by_anybody() -> None: ...
    async def by_whom(who: Who) -> None: ...
