"""The complainant's own link: no sign-in, the token in the address is the key to one case and to nothing else."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response

from api import customer_pages as pages
from api import errors
from api.acting import act, message_fields
from api.checks import surviving
from api.customer_form import (
    MOST_FACTS,
    CustomerWithdrawalBody,
    FactBody,
    RatingBody,
    Sent,
    documented,
    invalid,
    sent,
)
from api.customer_view import CanDo, CustomerView, customer_view, refusal, rules_of
from api.routes.complaints import Here
from api.watching import about
from complaints import messages as m
from complaints.errors import Refused
from complaints.records import CUSTOMER, Actor
from policies.load import in_force
from policies.names import DEFAULT_JURISDICTION
from register import links, read
from register.tables import CustomerLink
from vault.box import KeyDestroyed

WHO = Actor(username=CUSTOMER, roles=[])
SHORT = 16
BY_LINK = {"zh-CN": "客户通过个人链接撤回投诉。", "en": "Withdrawn by the customer's own link."}

router = APIRouter(tags=["the customer's link"], route_class=pages.PageRoute, responses=errors.OR_A_PAGE)
PAGE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "JSON if asked for, else a page"}
}
DONE: dict[int | str, dict[str, Any]] = {303: {"description": "done; what a form is answered with: to the page"}}


@dataclass(frozen=True)
class Opened:
    """A good link, and the case it leads to."""

    link: CustomerLink
    state: dict[str, Any]


async def opened(
    token: Annotated[str, Path(description="from a letter; 43 characters")], request: Request, here: Here
) -> Opened:
    """The case of a link that is good now. One that was never made is unknown, whatever it looks like."""
    now = here.clock()
    link = await links.find(here.engine, token)
    state = None
    with suppress(KeyDestroyed):  # what was erased is as if it had never been
        state = await read.case_state(here.engine, link.reference) if link else None
    if link is None or state is None:
        request.state.contact = in_force(DEFAULT_JURISDICTION, now).letters.contact
        raise Refused("unknown", "no such link; open it from the letter again, in full, or contact us")
    request.state.case_of_link = link.reference
    about(link.reference)
    letters, language = rules_of(state).letters, state["form"]["language"]
    request.state.language, request.state.contact = language, letters.contact
    mend = f"ask us for a new letter: {letters.contact[language]}"
    if link.revoked_at is not None:
        raise Refused("link_revoked", f"this link is not in use any more; {mend}")
    if now >= link.expires_at:
        raise Refused("link_expired", f"this link was good until {link.expires_at.isoformat()}; {mend}")
    return Opened(link, state)


Link = Annotated[Opened, Depends(opened)]


@router.get("/c/{token}", response_model=CustomerView, responses=PAGE)
async def look(link: Link, request: Request, here: Here) -> Response:
    """Where the complaint stands, by when it is answered, and what can be done now; no token of staff is needed."""
    view = customer_view(link.state, link.link.expires_at, here.clock())
    if pages.wanted(request):
        return pages.status(view, request)
    return pages.as_json(view)


router.head("/c/{token}", include_in_schema=False)(look)


@router.post("/c/{token}/facts", response_model=CustomerView, responses=DONE, openapi_extra=documented(FactBody))
async def add_fact(
    link: Link, body: Annotated[Sent[FactBody], Depends(sent(FactBody))], request: Request, here: Here
) -> Response:
    """Add a fact to the complaint."""
    if sum(note["by"] == CUSTOMER for note in link.state["notes"]) >= MOST_FACTS:
        raise Refused("too_many", f"{MOST_FACTS} additions are the most by this way; please contact us")
    fields = message_fields(m.NoteBody(text=body.body.text), WHO, _key(link, body.key))
    return await _done(here, request, link, "facts", "add_note", m.AddNote(**fields), body.form)


@router.post(
    "/c/{token}/withdrawal",
    response_model=CustomerView,
    responses=DONE,
    openapi_extra=documented(CustomerWithdrawalBody),
)
async def withdraw(
    link: Link,
    body: Annotated[Sent[CustomerWithdrawalBody], Depends(sent(CustomerWithdrawalBody))],
    request: Request,
    here: Here,
) -> Response:
    """Withdraw the complaint."""
    if body.form and body.body.confirm is None:
        raise invalid("confirm", "required", "tick the box to confirm")
    reason = body.body.reason or BY_LINK[link.state["form"]["language"]]
    fields = message_fields(m.WithdrawalBody(reason=reason), WHO, _key(link, body.key))
    return await _done(here, request, link, "withdrawal", "withdraw", m.Withdraw(**fields), body.form)


@router.post("/c/{token}/rating", response_model=CustomerView, responses=DONE, openapi_extra=documented(RatingBody))
async def rate(
    link: Link, body: Annotated[Sent[RatingBody], Depends(sent(RatingBody))], request: Request, here: Here
) -> Response:
    """Answer the questions about the result, once; it counts as the callback."""
    answer = m.CallbackBody(reached=True, **body.body.model_dump())
    fields = message_fields(answer, WHO, _key(link, body.key))
    return await _done(here, request, link, "rating", "record_callback", m.CallBack(**fields), body.form)


def _key(link: Opened, key: str | None) -> str | None:
    """Keys are the link's own, so that none meets a key of another letter or of staff."""
    return f"{link.link.hash[:SHORT]}:{key}" if key else None


async def _done(
    here: Here, request: Request, link: Opened, what: CanDo, update: str, message: m.Act, form: bool
) -> Response:
    reference, until = link.link.reference, link.link.expires_at
    try:
        # What is added to a merged complaint reaches the one that goes on for it.
        await act(here, await surviving(here, reference) if what == "facts" else reference, update, message)
    except Refused as refused:
        state = await read.case_state(here.engine, reference) or link.state
        raise refusal(what, refused, state, customer_view(state, until, here.clock())) from None
    if form:
        return pages.back(request.path_params["token"], what)
    state = await read.case_state(here.engine, reference) or link.state
    return pages.as_json(customer_view(state, until, here.clock()))
