"""Finds and changes every payload inside a message of Temporal's, such as a whole history."""

from collections.abc import Iterator

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, SearchAttributes
from temporalio.api.history.v1 import MarkerRecordedEventAttributes

from vault.codec import SealingCodec

NOTED_BY_SDK = ("data", "patch-data")


def payloads(message: Message) -> Iterator[Payload]:
    """Every payload in it that is ours: inputs, results, failures, summaries.

    Search attributes are readable on purpose; what the SDK notes of local activities and patches is not ours.
    """
    if isinstance(message, Payload):
        yield message
        return
    if isinstance(message, SearchAttributes):
        return
    if isinstance(message, MarkerRecordedEventAttributes):
        yield from (p for key in message.details if key not in NOTED_BY_SDK for p in message.details[key].payloads)
        if message.HasField("failure"):
            yield from payloads(message.failure)
        return
    for field, value in message.ListFields():
        if field.type != field.TYPE_MESSAGE:
            continue
        if not field.is_repeated:
            yield from payloads(value)
        elif field.message_type and field.message_type.GetOptions().map_entry:
            for key in value:
                if isinstance(value[key], Message):
                    yield from payloads(value[key])
        else:
            for one in value:
                yield from payloads(one)


async def open_in_place(message: Message, codec: SealingCodec) -> int:
    """Open every sealed payload of it; gives how many there were. Unreadable, if one is not of that codec's keys."""
    count = 0
    for payload in payloads(message):
        [clear] = await codec.decode([payload])
        count += clear is not payload
        payload.CopyFrom(clear)
    return count
