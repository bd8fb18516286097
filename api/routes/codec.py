"""Opens what Temporal's Web UI and CLI show sealed (a codec server); for ops, and every opening is in the audit log."""

from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from pydantic import Field
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import DataConverter

from api.access import Who
from api.parts import Parts
from api.routes.complaints import Here
from complaints.errors import FieldError, Refused
from complaints.form import Strict
from register import audit
from vault.box import Unreadable
from vault.codec import is_sealed, seal, unseal, workflow_of
from vault.keyring import keyring_of
from vault.subjects import OFFICE, subject_of

router = APIRouter(prefix="/codec", tags=["codec server"])
Json = dict[str, Any]
Namespace = Annotated[str | None, Header(alias="X-Namespace", max_length=255)]


class Sent(Strict):
    """Payloads as Temporal's Web UI and CLI send them: each with metadata and data in base64."""

    payloads: Annotated[list[Json], Field(max_length=5000)]


[ERASED] = DataConverter.default.payload_converter.to_payloads(["(erased: the key of this case was destroyed)"])


@router.post("/decode")
async def decode(body: Sent, request: Request, here: Here, who: Who, namespace: Namespace = None) -> Json:
    """Open payloads; those of an erased case say so."""
    payloads, place = _payloads(body), _namespace(here, namespace)
    seen = Counter(workflow_of(p) for p in payloads if is_sealed(p))
    async with here.engine.connect() as db:
        boxes = await keyring_of(db).boxes(db, map(subject_of, seen), fresh=True)
    opened = []
    for payload in payloads:
        box = boxes.get(subject_of(workflow_of(payload)))
        try:
            opened.append(payload if not is_sealed(payload) else unseal(payload, box, place) if box else ERASED)
        except Unreadable:
            raise _wrong("payloads", "unreadable", "not sealed by this office, or changed since") from None
    origin = request.client.host if request.client else None
    entries = [
        audit.Entry(
            who=who.username, act="decoded", subject=workflow or None, change={"payloads": number}, origin=origin
        )
        for workflow, number in sorted(seen.items())
    ]
    await audit.append(here.engine, *entries)
    return _answer(opened)


@router.post("/encode")
async def encode(body: Sent, request: Request, here: Here, who: Who, namespace: Namespace = None) -> Json:
    """Seal what ops send by hand, with the key of the office."""
    payloads, place = _payloads(body), _namespace(here, namespace)
    async with here.engine.connect() as db:
        box = await keyring_of(db).box(db, OFFICE)
    origin = request.client.host if request.client else None
    entry = audit.Entry(who=who.username, act="encoded", change={"payloads": len(payloads)}, origin=origin)
    await audit.append(here.engine, entry)
    return _answer([p if is_sealed(p) else seal(p, box, place, "") for p in payloads])


def _payloads(body: Sent) -> list[Payload]:
    try:
        return list(ParseDict(body.model_dump(), Payloads()).payloads)
    except (ParseError, TypeError, ValueError, AttributeError):
        raise _wrong("payloads", "malformed", "a list of payloads, each with metadata and data in base64") from None


def _answer(payloads: list[Payload]) -> Json:
    return {"payloads": [MessageToDict(p) for p in payloads]}


def _namespace(here: Parts, named: str | None) -> str:
    ours = here.temporal.namespace
    if named not in (None, "", ours):
        raise _wrong("X-Namespace", "unknown_namespace", f"this is the office of {ours}")
    return ours


def _wrong(field: str, code: str, message: str) -> Refused:
    return Refused("invalid", message, errors=[FieldError(field=field, code=code, message=message)])
