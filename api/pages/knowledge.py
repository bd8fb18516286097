"""The knowledge library: searched on a page of its own, and offered on a case."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api.pages.page import Reader, Reads
from api.pages.time_left import moment
from api.staff_page import StaffRoute
from complaints.knowledge import Entry, Facts, find
from policies.knowledge import knowledge

router = APIRouter(route_class=StaffRoute, include_in_schema=False)


@router.get("/desk/knowledge")
async def knowledge_page(reader: Reads, q: Annotated[str, Query(max_length=200)] = "") -> Response:
    """All entries, or those that fit the words."""
    entries = in_force(reader)
    values = {"entries": find(entries, None, q) if q.strip() else entries, "q": q, "means": knowledge().meaning}
    return reader.page("knowledge.html", values | {"here": "knowledge"})


def in_force(reader: Reader) -> list[Entry]:
    """The entries of today."""
    today = moment(reader.here.clock())
    assert today is not None
    return knowledge().at(today.date())


def offered(reader: Reader, case: dict[str, Any]) -> dict[str, Any]:
    """What `_knowledge.html` needs on the page of a whole case."""
    held, known = case["assignment"] or {}, case["classification"] or {}
    text = "\n".join(filter(None, (case["matter"], case["reason"], case["demand"])))
    facts = Facts(
        product=case["product"], nature=known.get("nature"), department=held.get("department"), text=text
    )  # fmt: skip
    return {"knowledge": find(in_force(reader), facts), "means": knowledge().meaning}
