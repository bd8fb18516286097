"""Lists over HTTP, on real servers: pages without gap or repeat, filters, and search."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from contract import Json, different, listed, new_word, opened, signed_in
from office import MAJOR, PLAIN, Office


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return signed_in(office_of_the_file)


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


@pytest.mark.parametrize(
    ("name", "value", "fits"), FILTERS, ids=[f"{name}-{n}" for n, (name, _, _) in enumerate(FILTERS)]
)
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


async def test_a_customers_cases_come_page_by_page_whatever_else_names_their_number(office: Office) -> None:
    number = uuid4().hex
    person = PLAIN["complainant"] | {"customer_number": number}
    theirs = [await opened(office, different(complainant=person, matter=new_word())) for _ in range(3)]
    await opened(office, different(matter=f"{new_word()} {number}"))
    found, cursor = [], ""
    while True:
        page = (await office.call("auditor", "GET", f"/complaints?q={number}&limit=2{cursor}")).json()
        found += [row["reference"] for row in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert found == theirs[::-1]
