"""What people do to a case: one route for each act, each an update of the case's workflow."""

from typing import Any

from fastapi import APIRouter

from api.access import Who
from api.acting import act, message_fields
from api.checks import known_assignee, known_currency, surviving
from api.routes.complaints import Here, Key, Reference
from complaints import messages as m

router = APIRouter(tags=["acts"])
Json = dict[str, Any]


@router.post("/complaints/{reference}/classification")
async def correct(reference: Reference, body: m.CorrectionBody, here: Here, who: Who, key: Key = None) -> Json:
    """Correct the classification with a reason, or confirm it."""
    return await act(here, reference, "correct", m.Correct(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/assignment")
async def assign(reference: Reference, body: m.AssignmentBody, here: Here, who: Who, key: Key = None) -> Json:
    """Give the case to a department's queue or to a handler."""
    await known_assignee(here, body.department, body.handler)
    return await act(here, reference, "assign_to", m.Assign(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/acceptance")
async def accept(
    reference: Reference, here: Here, who: Who, body: m.AcceptanceBody | None = None, key: Key = None
) -> Json:
    """Take the case."""
    return await act(here, reference, "accept", m.Accept(**message_fields(body or m.AcceptanceBody(), who, key)))


@router.post("/complaints/{reference}/resolution")
async def resolve(reference: Reference, body: m.ResolutionBody, here: Here, who: Who, key: Key = None) -> Json:
    """Submit findings, responsibility, measures, redress and root cause."""
    known_currency(body)
    return await act(here, reference, "submit_resolution", m.Resolve(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/feedback")
async def tell_result(reference: Reference, body: m.FeedbackBody, here: Here, who: Who, key: Key = None) -> Json:
    """Record that a person told the result."""
    return await act(here, reference, "tell_result", m.TellResult(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/callbacks")
async def call_back(reference: Reference, body: m.CallbackBody, here: Here, who: Who, key: Key = None) -> Json:
    """Record an attempt to call back."""
    return await act(here, reference, "record_callback", m.CallBack(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/withdrawal")
async def withdraw(reference: Reference, body: m.WithdrawalBody, here: Here, who: Who, key: Key = None) -> Json:
    """Close the case at the complainant's wish."""
    return await act(here, reference, "withdraw", m.Withdraw(**message_fields(body, who, key)))


@router.post("/complaints/{reference}/notes")
async def add_note(reference: Reference, body: m.NoteBody, here: Here, who: Who, key: Key = None) -> Json:
    """Add a fact or remark; what is added to a merged case reaches the one that goes on for it."""
    reference = await surviving(here, reference)
    return await act(here, reference, "add_note", m.AddNote(**message_fields(body, who, key)))
