"""Bad acts, on real servers: a 422 that names every field at fault and a case left as it was; then whatever anybody thinks of."""

import math
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from bad_input import LEGITIMATE, PERSON, Json, at_fault, kept, send
from browser import OWN, page_session, web
from hypothesis import given, settings
from hypothesis import strategies as st
from office import MAJOR, PLAIN, RESOLUTION, Office


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


@pytest.fixture(scope="module")
async def case(office: Office) -> Json:
    """A case that takes any of the acts below as far as its stage is concerned, or refuses it for its stage."""
    return await office.open(MAJOR | {"channel": "telephone"})


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
"""Every act: who (`handler`: the one of the case), where, a good body, its required fields and its other texts."""

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


def doer(case: Json, act: str) -> str:
    """Who does it to that case."""
    user = ACTS[act][0]
    handler: str = case["assignment"]["handler"]
    return handler if user == "handler" else user


async def refused(office: Office, case: Json, act: str, body: Any) -> set[str]:
    """The fields that the refusal of the act names."""
    return at_fault(await send(office, doer(case, act), ACTS[act][1].format(case["reference"]), body))


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
        ("classification", {"severity": 0, "difficulty": 4, "likelihood": "3"}, {"severity", "difficulty", "likelihood"}),
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
    _, path, body, required, texts = ACTS[act]
    odd = {f: instead for f in (required + texts)[:2]}
    sound(
        await send(office, doer(case, act), path.format(case["reference"]), instead if whole else body | odd | change)
    )


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


# -- what would fill a case until its process could not go on ---------------------------------------------------------


async def test_the_mark_of_a_form_can_be_anything_and_none_of_it_is_kept(office: Office) -> None:
    reference = (await office.open(PLAIN | {"matter": "表单标记"}))["reference"]
    mark = "标记" * 40_000
    async with web(office) as http:
        await page_session(http, "agent")
        token = (await http.get("/auth/me")).json()["csrf_token"]
        form = {"csrf_token": token, "text": "备注", "request_id": mark}
        for _ in range(2):
            sent = await http.post(f"/desk/complaints/{reference}/notes", data=form, headers=OWN)
            assert sent.is_redirect, sent.text
    notes = [e for e in await office.events(reference) if e["kind"] == "noted"]
    assert len(notes) == 1, "sent again, it is the same note"
    whole = await office.handle(reference).query("whole")
    assert mark not in str(whole)


async def test_a_case_takes_no_more_words_than_its_process_can_carry(office: Office) -> None:
    case = await office.open(PLAIN | {"matter": "写满的个案"})
    for _ in range(40):
        answer = await office.call("agent", "POST", f"/complaints/{case['reference']}/notes", {"text": "满" * 20_000})
        if answer.status_code != 200:
            break
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:amends:cap_reached"), answer.text
    handler = case["assignment"]["handler"]
    await office.act(handler, case["reference"], "acceptance")
    await office.act(handler, case["reference"], "resolution", RESOLUTION)
