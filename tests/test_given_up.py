"""Letters that were given up: what had gone out stays told, what had not goes out no more."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from office import PLAIN, Office, OpenOffice
from temporalio.exceptions import ApplicationError

from activities.channels import HandingOver, Mail, Message, Post
from register import read


class Broken(Mail):
    """The result goes out, and what follows it cannot be sent, and is not tried again."""

    async def deliver(self, message: Message, handing_over: HandingOver) -> None:
        if message.key.endswith("-3"):
            raise ApplicationError("a value is missing", type="MissingValue", non_retryable=True)
        await super().deliver(message, handing_over)


@pytest.fixture
async def office(office_on: OpenOffice, post: Post) -> AsyncIterator[Office]:
    assert post.mail is not None
    async with office_on(
        datetime(2026, 3, 10, 10), post.model_copy(update={"mail": Broken(**post.mail.model_dump())})
    ) as o:
        yield o


async def test_a_result_that_arrived_is_told_though_the_letter_behind_it_was_given_up(office: Office) -> None:
    case = await office.to_callback(await office.open(PLAIN))
    reference = case["reference"]
    await office.letter_event(reference, "letter_failed")
    case = await office.case(reference)
    assert (case["stage"], case["by_person"]) == ("callback", False), case["letters"]
    assert [(x["number"], x["state"]) for x in case["letters"]] == [(1, "sent"), (2, "sent"), (3, "failed")]
    rows = await read.sendings(office.engine, reference)
    assert [(row["number"], row["state"]) for row in rows] == [(1, "sent"), (2, "sent"), (3, "failed")]
