"""Who may do what, over HTTP on real servers: every route, every role, the own department's case and another's."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import yaml
from contract import different, problem
from fastapi.routing import APIRoute
from office import Office
from two_houses import EVERYBODY, KNOWN, MARK, OURS, THEIRS, Person, two_cases

from api import opening
from api.app import PAGES
from complaints.form import ComplaintForm
from policies.files import FOLDER

Json = dict[str, Any]
ROUTES: dict[str, Json] = yaml.safe_load((FOLDER / "access.yaml").read_text())["routes"]
SMUGGLED = {"role": "admin", "roles": ["admin"], "approved_by": "x", "by": {"username": "admin"}, "request_id": "x"}
UNKNOWN = "CMP-2026-999999999999"
CONSTELLATIONS = [p for p in EVERYBODY if len(p.roles) == 1 and p.department in (OURS, None)]


@pytest.fixture(scope="module")
async def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


@pytest.fixture(scope="module")
async def cases(office: Office) -> dict[str, Json]:
    return await two_cases(office)


# -- the oracle: the table read as plain data, and what the two cases are --------------------------------------------


def reaches(person: Person, scopes: str | list[str], department: str) -> bool:
    """Whether one of these scopes of that person has the case of that department in it."""
    named = person.username in (f"handler.{department}", "handler.legal", "handler.collections")
    has_part = person.department in (department, "legal", "loans_mortgage")
    said = {
        "any": True,
        "bound": person.department in (None, department),
        "part": named or has_part,
        "own": named,
    }
    return any(said[scope] for scope in ([scopes] if isinstance(scopes, str) else scopes))


def entry_of(route: str) -> Json:
    """Its entry; a page has that of the route it shows or does, unless it has its own."""
    return ROUTES.get(route) or ROUTES[route.replace(" /desk", " ", 1)]


def expected(person: Person | None, route: str, department: str) -> str:
    """What the table says must happen."""
    entry, read = entry_of(route), ROUTES["GET /complaints/{reference}"]
    if person is None:
        return "unauthenticated"
    mine = [entry[role] for role in person.roles if role in entry]
    if not mine:
        return "not_allowed"
    if "{" not in route or "{username}" in route:  # of no case; a colleague of the own department
        return "admitted"
    if not any(reaches(person, read.get(role, []), department) for role in person.roles):
        return "unknown"
    return "admitted" if any(reaches(person, scopes, department) for scopes in mine) else "not_yours"


async def asked(office: Office, person: Person | None, route: str, reference: str) -> httpx.Response:
    """The request, with a body that no route takes, so that nothing changes whoever is let in."""
    method, path = route.split()
    for name, tail in (("{reference}", ""), ("{approval}", "-A1"), ("{incident}", "-M1")):
        path = path.replace(name, f"{reference}{tail}")
    headers = {"Authorization": f"Bearer {await office.token(person.username)}"} if person else {}
    path = path.replace("{number}", "1").replace("{username}", f"handler.{OURS}")
    if method == "POST" and path.startswith("/desk"):
        form = {name: "x" for name in SMUGGLED}  # what a page's form sends
        return await office.http.request(method, path, data=form, headers=headers)
    return await office.http.request(method, path, json=SMUGGLED if method == "POST" else None, headers=headers)


def served(document: Json) -> list[str]:
    """Every route: those of the API by its own description, and the pages of the console."""
    api = [f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods]
    routes = [route for module in PAGES for route in module.router.routes if isinstance(route, APIRoute)]
    return sorted([*api, *(f"{method} {route.path}" for route in routes for method in route.methods or ())])


async def everything_of(office: Office, reference: str) -> Json:
    case = await office.case(reference)
    clocks = [{k: v for k, v in clock.items() if k != "lateness_seconds"} for clock in case["clocks"]]
    return {**case, "clocks": clocks}


OF_ITS_OWNER = ("GET /desk/incidents/{incident}/tasks/{number}", "POST /desk/incidents/{incident}/tasks/{number}/done")
"""A page of a task that is somebody else's is unknown: test_incident_pages.py."""
ENDLESS = ("GET /desk/live",)
"""It streams; who may is asked before, as everywhere: test_leaving.py, test_pages_live.py."""
OF_ONESELF = ("POST /sign-out", "POST /me/sessions/end", "POST /me/sessions/{session}/end")


# -- the matrix ------------------------------------------------------------------------------------------------------


async def test_every_route_for_every_role_in_the_own_department_and_in_another(
    office: Office, cases: dict[str, Json]
) -> None:
    routes = served((await office.http.get("/openapi.json")).json())
    holder = Person(f"handler.{OURS}", ("handler",), OURS)
    before = [await everything_of(office, case["reference"]) for case in cases.values()]
    wrong, tried = [], 0
    for route in routes:
        if entry_of(route).get("public") or route in ENDLESS:
            continue
        for department, case in cases.items():
            # What somebody does to their own sign-in would end the sessions of these tests: test_sign_in_pages.py.
            people = [None] if route in OF_ONESELF else [None, *CONSTELLATIONS, holder]
            answers = await asyncio.gather(*(asked(office, person, route, case["reference"]) for person in people))
            for person, answer in zip(people, answers, strict=True):
                tried += 1
                wanted = expected(person, route, department)
                if wanted == "admitted":
                    shut = (401, 403) if route in OF_ITS_OWNER else (401, 403, 404)
                    right = answer.status_code not in shut and answer.status_code < 500
                    if route.startswith("POST /desk/") and right and "{" in route:
                        right = answer.status_code in (409, 422) or (
                            route in OF_ITS_OWNER and answer.status_code == 404
                        )
                    elif route.startswith("POST") and right and "/desk/" not in route:
                        right = {e["field"] for e in answer.json()["errors"]} >= set(SMUGGLED)
                else:
                    right = problem_type(answer) == wanted
                if not right:
                    wrong.append((route, person, department, wanted, answer.status_code, answer.text[:200]))
            if "{" not in route:
                break  # no case in it
    print(f"\n{tried} combinations of {len(routes)} routes, {len(wrong)} surprises")
    assert not wrong, wrong[:10]
    assert [await everything_of(office, case["reference"]) for case in cases.values()] == before, "something was done"


def problem_type(answer: httpx.Response) -> str:
    assert answer.status_code in (401, 403, 404), answer.text
    said: str = answer.json()["type"]
    return said.removeprefix("urn:amends:")


# -- references that were guessed ------------------------------------------------------------------------------------

GUESSES = [
    ("GET", "/complaints/{}", None),
    ("GET", "/complaints/{}/timeline", None),
    ("GET", "/complaints/{}/letters", None),
    ("GET", "/complaints/{}/duplicates", None),
    ("POST", "/complaints/{}/acceptance", {}),
    ("POST", "/complaints/{}/notes", {"text": "x"}),
    ("POST", "/complaints/{}/withdrawal", {"reason": "x"}),
    ("POST", "/complaints/{}/transfers/1/answer", {"answer": "accepted"}),
    ("POST", "/complaints/{}/duties/1/answer", {"answer": "x"}),
    ("POST", "/incidents/{}-M1/tasks/1/done", {"result": "x"}),
]


@pytest.mark.parametrize(("method", "path", "body"), GUESSES)
async def test_a_guessed_reference_is_answered_like_one_that_does_not_exist(
    office: Office, cases: dict[str, Json], method: str, path: str, body: Any
) -> None:
    reference = cases[THEIRS]["reference"]
    real, made_up = [await office.call("own.handler", method, path.format(r), body) for r in (reference, UNKNOWN)]
    problem(real, "unknown")
    assert real.text == made_up.text.replace(UNKNOWN, reference)
    own = ("content-length", "x-request-id")
    assert {k: v for k, v in real.headers.items() if k not in own} == {
        k: v for k, v in made_up.headers.items() if k not in own
    }


async def test_an_approval_of_another_department_is_unknown_and_stays_open(
    office: Office, cases: dict[str, Json]
) -> None:
    approval = cases[THEIRS]["approvals"][0]["id"]
    decision = {"decision": "approve", "reason": "x"}
    problem(await office.call("own.supervisor", "POST", f"/approvals/{approval}/decision", decision), "unknown")
    assert (await office.case(cases[THEIRS]["reference"]))["approvals"][0]["decision"] is None


async def test_a_body_does_not_reach_a_case_the_path_would_not(office: Office, cases: dict[str, Json]) -> None:
    mine, theirs = (cases[d]["reference"] for d in (OURS, THEIRS))
    for other in (theirs, UNKNOWN):
        body = {"reference": other, "how": "related", "reason": "x"}
        said = problem(await office.call("own.handler", "POST", f"/complaints/{mine}/links", body), "invalid")
        assert [e["code"] for e in said["errors"]] == ["unknown_complaint"]


# -- lists -----------------------------------------------------------------------------------------------------------


async def listed(office: Office, person: Person, path: str, cases: dict[str, Json]) -> set[str]:
    """The departments of those of the two cases that the list shows."""
    answer = await office.call(person.username, "GET", path)
    assert answer.status_code == 200, answer.text
    shown = {row["reference"] for row in answer.json()["items"]}
    return {department for department, case in cases.items() if case["reference"] in shown}


LISTS = {
    "GET /complaints": {},
    "GET /approvals": {},
    "GET /incidents": {},
    "GET /transfers": {"handler": set(), "supervisor": {"bound"}},  # they wait for another department
    "GET /duties": {"handler": set(), "supervisor": {"bound"}},  # so does the duty
}


@pytest.mark.parametrize("route", LISTS)
async def test_a_list_shows_what_may_be_seen_and_nothing_else(
    office: Office, cases: dict[str, Json], route: str
) -> None:
    path = f"/complaints?q={MARK}" if route == "GET /complaints" else route.split()[1]
    for person in CONSTELLATIONS:
        role = person.roles[0]
        if role in ROUTES[route]:
            said = ROUTES[route][role]
            scopes = {said} if isinstance(said, str) else set(said)
            scopes &= LISTS[route].get(role, scopes)
            wanted = {department for department in cases if reaches(person, sorted(scopes), department)}
            assert await listed(office, person, path, cases) == wanted, person


async def test_whoever_is_asked_sees_it_in_their_list(office: Office, cases: dict[str, Json]) -> None:
    both = {OURS, THEIRS}
    receiver, owner = Person("handler.loans_mortgage", ("handler",)), Person("handler.legal", ("handler",))
    office.tokens.pop("handler.loans_mortgage", None)
    assert await listed(office, receiver, "/transfers", cases) == both
    assert await listed(office, owner, "/duties", cases) == both
    assert await listed(office, owner, f"/complaints?q={MARK}", cases) == both
    assert await listed(office, Person("handler.collections", ("handler",)), f"/complaints?q={MARK}", cases) == both


async def test_a_kept_complaint_is_its_agents_until_it_has_a_department(office: Office) -> None:
    form = ComplaintForm.model_validate(different(received_at=datetime.now(UTC).isoformat()))
    kept, _ = await opening.keep(office.engine, form, "agent", None)
    path = f"/complaints/{kept.reference}"
    for user, status in (("agent", 200), ("nobodys.supervisor", 200), ("own.supervisor", 404), ("own.handler", 404)):
        assert (await office.call(user, "GET", path)).status_code == status, user
    assert await opening.start(office.engine, office.env.client, office.queue, kept)
    assert (await office.call("own.supervisor", "GET", path)).status_code == 200
    assert KNOWN["own.supervisor"].department == OURS
