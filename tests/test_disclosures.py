"""Contact data over HTTP on a real office: shown for a purpose, and who shows many is noticed."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from contract import Json, problem, sessions_of, signed_in, token
from markers import PERSON, TOLD, left, shown
from office import PLAIN, Office
from sqlalchemy import func, insert, select
from sqlmodel import col
from temporalio.service import RPCError

from complaints.disclosure import DISCLOSED, NEED_A_REASON, PURPOSES
from complaints.form import ComplaintForm
from policies.load import load
from register import intake
from register.audit import Entry, append
from register.audit_tables import Audit
from register.tables import Staff, StaffNotice


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return signed_in(office_of_the_file)


async def kept(office: Office, matter: str) -> str:
    """A complaint whose process has not started, and which no relay will start."""
    form = PLAIN | {"complainant": PERSON, "received_at": "2026-03-10T10:00:00+08:00", "matter": matter}
    valid = ComplaintForm.model_validate(form)
    row, _ = await intake.keep(office.engine, valid, "agent", None, valid.received_at)
    await intake.started(office.engine, row.reference, valid.received_at)
    return row.reference


async def query_log(office: Office, **query: Any) -> list[Json]:
    headers = {"Authorization": f"Bearer {await office.token('auditor')}"}
    answer = await office.http.get("/query-log", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def looks(office: Office, reference: str) -> list[Json]:
    return [line for line in await query_log(office, subject=reference, limit=200) if line["act"] == "disclosed"]


# -- showing -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def case(office: Office) -> Json:
    return await office.open(PLAIN | {"complainant": PERSON, "matter": f"{PLAIN['matter']}{TOLD}", "channel": "email"})


@pytest.mark.parametrize("purpose", PURPOSES)
async def test_contact_data_is_shown_for_every_purpose_and_that_is_in_the_log(
    office: Office, case: Json, purpose: str
) -> None:
    answer = await shown(
        office, "agent", case["reference"], purpose=purpose, reason="客户来电", letters=purpose == "audit"
    )
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["masked"] is False and said["complainant"] == PERSON | {"age": None} and TOLD in said["matter"]
    assert set(said) - {"letters_sent"} == set(await office.case(case["reference"])), "the same shape"
    assert ("letters_sent" in said) is (purpose == "audit")
    if purpose == "audit":
        assert [le["recipient"] for le in said["letters_sent"]] == [PERSON["email"]]
    assert answer.headers["cache-control"] == "no-store"
    last = (await looks(office, case["reference"]))[0]
    assert {k: last[k] for k in ("who", "subject", "purpose", "letters", "why")} == {
        "who": "agent", "subject": case["reference"], "purpose": purpose, "letters": purpose == "audit", "why": "客户来电",
    }  # fmt: skip
    assert last["origin"] and last["at"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "purpose"),
        ({"purpose": "curiosity"}, "purpose"),
        ({"purpose": ["audit"]}, "purpose"),
        *(({"purpose": purpose}, "reason") for purpose in NEED_A_REASON),
        ({"purpose": "audit", "reason": " "}, "reason"),
        ({"purpose": "call_customer", "reason": "一\n二"}, "reason"),
        ({"purpose": "call_customer", "letters": "yes"}, "letters"),
        ({"purpose": "call_customer", "masked": False}, "masked"),
    ],
)
async def test_a_disclosure_that_is_not_well_said_shows_nothing(
    office: Office, case: Json, body: Json, field: str
) -> None:
    before = len(await looks(office, case["reference"]))
    answer = await shown(office, "agent", case["reference"], **body)
    assert [e["field"] for e in problem(answer, "invalid")["errors"]] == [field]
    assert left(answer.text) == [] and len(await looks(office, case["reference"])) == before


@pytest.mark.parametrize("user", ["auditor", "ops", "admin"])
async def test_who_has_no_customers_is_shown_none(office: Office, case: Json, user: str) -> None:
    problem(await shown(office, user, case["reference"], purpose="audit", reason="x"), "not_allowed")


async def test_an_unknown_case_is_unknown(office: Office) -> None:
    problem(await shown(office, "agent", "CMP-2026-999999999", purpose="supervise"), "unknown")
    assert await looks(office, "CMP-2026-999999999") == []


async def test_a_closed_case_is_shown_and_one_whose_process_has_not_started(office: Office) -> None:
    closed = await office.open(PLAIN | {"complainant": PERSON, "matter": f"{PLAIN['matter']}（撤）"})
    await office.act("agent", closed["reference"], "withdrawal", {"reason": "撤诉"})
    for user in (closed["assignment"]["handler"], "supervisor", "manager"):
        said = (await shown(office, user, closed["reference"], purpose="handle_case")).json()
        assert (said["stage"], said["complainant"]["phone"]) == ("closed", PERSON["phone"])

    waiting = await kept(office, TOLD)
    masked = await office.case(waiting)
    assert masked["masked"] is True and left(str(masked)) == []
    said = (await shown(office, "agent", waiting, purpose="verify_identity")).json()
    assert (said["stage"], said["masked"], said["complainant"]["email"]) == ("received", False, PERSON["email"])


# -- the query log -----------------------------------------------------------------------------------------------------


async def test_the_query_log_says_who_looked_at_what(office: Office, case: Json) -> None:
    reference = case["reference"]
    await office.call("supervisor", "GET", f"/complaints/{reference}/timeline")
    await shown(office, "supervisor", reference, purpose="supervise")
    lines = await query_log(office, subject=reference, who="supervisor")
    assert [(x["act"], x["purpose"]) for x in lines] == [
        ("disclosed", "supervise"),
        ("GET /complaints/{reference}/timeline", None),
    ]
    assert [x["seq"] for x in await query_log(office, subject=reference, who="supervisor", to=lines[0]["at"])] == [
        lines[1]["seq"]
    ]
    newer = {"from": lines[0]["at"]}
    assert [x["seq"] for x in await query_log(office, subject=reference, who="supervisor", **newer)] == [
        lines[0]["seq"]
    ]
    whole = [x["seq"] for x in await query_log(office, subject=reference, limit=200) if x["who"] != "auditor"]
    page, cursor = [], None
    while True:
        query: Json = {"subject": reference, "limit": 3} | ({"cursor": cursor} if cursor else {})
        headers = {"Authorization": f"Bearer {await office.token('manager')}"}
        answer = (await office.http.get("/query-log", params=query, headers=headers)).json()
        page += [x["seq"] for x in answer["items"] if x["who"] != "auditor"]
        if (cursor := answer["next"]) is None:
            break
    assert page == whole and len(whole) > 7
    for user in ("agent", "handler", "supervisor", "ops", "admin"):
        problem(await office.call(user, "GET", "/query-log"), "not_allowed")
    problem(await office.call("auditor", "GET", "/query-log?limit=0"), "invalid")
    problem(await office.call("auditor", "GET", "/query-log?from=yesterday"), "invalid")


# -- who shows many ----------------------------------------------------------------------------------------------------


async def test_who_shows_many_customers_is_noticed_once_and_never_stopped(office: Office, mailbox: Any) -> None:
    rule = load().disclosure
    assert rule is not None
    few, many = rule.many
    curious: Json = {"username": "curious", "name": "演示", "email": "curious@staff.demo.example"}
    curious |= {"roles": ["agent", "manager"], "skills": [], "state": "working", "language": "en", "password": "-"}
    async with office.engine.begin() as db:
        await db.execute(insert(Staff).values(curious | {"demo": True}))
    await sessions_of(office.engine, "curious")
    office.tokens["curious"] = token(sub="curious")
    digest = office.env.client.get_workflow_handle("digest-manager")
    with suppress(RPCError):  # of another office, it would take the notices and stand still
        await digest.terminate()
    references = [await kept(office, f"第{number}件") for number in range(4)]

    async def look(reference: str) -> None:
        answer = await shown(office, "curious", reference, purpose="call_customer")
        assert answer.status_code == 200 and answer.json()["complainant"]["name"] == PERSON["name"]

    async def looked(cases: range) -> None:
        entries = [Entry(who="curious", act=DISCLOSED, subject=f"CMP-2025-{n:06d}") for n in cases]
        await append(office.engine, *entries)

    async def alarms() -> list[Json]:
        lines = await query_log(office, subject="curious", limit=200)
        return [line["change"] for line in lines if line["act"] == "disclosure_alarm"]

    await looked(range(few.cases - 2))
    for _ in range(3):
        await look(references[0])
    assert await alarms() == [], "one case shown again is no other case"
    await look(references[1])
    first = {"cases": few.cases, "within_minutes": few.within_minutes}
    assert await alarms() == [first]
    await looked(range(few.cases, many.cases - 1))
    for reference in references[2:]:
        await look(reference)
    assert await alarms() == [{"cases": many.cases, "within_minutes": many.within_minutes}, first]
    async with office.engine.connect() as db:
        told = select(col(StaffNotice.username), func.count())
        told = told.where(col(StaffNotice.reference).startswith("disclosures:curious:"))
        notices = {username: count for username, count in await db.execute(told.group_by(col(StaffNotice.username)))}
        count = await db.scalar(select(func.count()).where(col(Audit.act) == "disclosure_alarm"))
    everybody = {"manager": 2, "manager.sun": 2, "head.office": 2, "auditor": 2}
    assert notices | everybody == notices and "curious" not in notices, "not of themselves"
    assert f"amends_disclosure_alarms {float(count or 0)}" in (await office.http.get("/metrics")).text

    await office.env.fast_forward(digest, timedelta(minutes=2))
    mails = [m for m in mailbox.messages() if m["kind"] == "eml" and m["to"] == "manager@staff.demo.example"]
    told_of = [text for text in (mailbox.read(m["name"])[1] for m in mails) if "disclosures:curious" in text]
    assert len(told_of) == 1 and f"{few.cases} / {few.within_minutes} min" in told_of[0]
    assert left(told_of[0]) == []
