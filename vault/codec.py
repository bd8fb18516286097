"""Seals every payload that goes to Temporal with the key of its case; Temporal itself never sees what it says.

The sealed payload is bound to the namespace, the workflow and the key. What was written before there were keys is
plain, and is read as it is. Failure messages are sealed, too.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from vault.box import Box, Unreadable
from vault.keyring import keyring_of
from vault.subjects import subject_of

ENCODING, WORKFLOW, KEY = "encoding", "amends-workflow", "amends-key"
SEALED = b"binary/amends-sealed"
_MOMENT = re.compile(r"-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
"""What Temporal puts behind the ID of a workflow that a Schedule starts. Its input was sealed without it; the result of
the one before, which it is given as well, with another."""


def is_sealed(payload: Payload) -> bool:
    """Whether the payload was sealed by this codec."""
    return payload.metadata.get(ENCODING) == SEALED


def workflow_of(payload: Payload) -> str:
    """The workflow a sealed payload says it belongs to."""
    return payload.metadata.get(WORKFLOW, b"").decode("utf-8", "replace")


def seal(payload: Payload, box: Box, namespace: str, workflow: str) -> Payload:
    """The payload, sealed for that workflow."""
    data = box.seal(payload.SerializeToString(), _place(namespace, workflow))
    metadata = {ENCODING: SEALED, WORKFLOW: workflow.encode(), KEY: box.key_id.encode()}
    return Payload(metadata=metadata, data=data)


def unseal(payload: Payload, box: Box, namespace: str) -> Payload:
    """What was sealed; Unreadable when it is not of that key, workflow and namespace."""
    return Payload.FromString(box.open(payload.data, _place(namespace, workflow_of(payload))))


def _place(namespace: str, workflow: str) -> str:
    return f"temporal|{namespace}|{workflow}"


class SealingCodec(PayloadCodec, WithSerializationContext):
    """The codec of one namespace; with the context that Temporal gives it, of one workflow."""

    def __init__(self, engine: AsyncEngine, namespace: str, workflow: str = "") -> None:
        self.engine, self.namespace, self.workflow = engine, namespace, workflow

    def with_context(self, context: SerializationContext) -> "SealingCodec":
        if isinstance(context, (WorkflowSerializationContext, ActivitySerializationContext)):
            return SealingCodec(self.engine, self.namespace, context.workflow_id or "")
        return self

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        box = await self._box(subject_of(self.workflow), make=True)
        return [seal(p, box, self.namespace, self.workflow) for p in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [await self._decode(p) if is_sealed(p) else p for p in payloads]

    async def _decode(self, payload: Payload) -> Payload:
        said = workflow_of(payload)
        if said and self.workflow and _MOMENT.sub("", said) != _MOMENT.sub("", self.workflow):
            raise Unreadable(f"a payload of {said} in {self.workflow}")
        return unseal(payload, await self._box(subject_of(said), make=False), self.namespace)

    async def _box(self, subject: str, *, make: bool) -> Box:
        keyring = keyring_of(self.engine)
        if (box := keyring.fresh(subject)) is not None:
            return box
        try:
            async with self.engine.begin() as db:
                return await keyring.box(db, subject, make=make)
        except (SQLAlchemyError, OSError):
            if (box := keyring.remembered(subject)) is not None:
                return box  # the database is away; running cases go on
            raise


def data_converter(engine: AsyncEngine, namespace: str) -> DataConverter:
    """Pydantic models as JSON, everything sealed, messages of failures as well."""
    return replace(
        pydantic_data_converter,
        payload_codec=SealingCodec(engine, namespace),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
