"""The living office: complaints arrive and are worked to their end by demo staff, over the API alone."""

import asyncio
from contextlib import suppress
from random import Random

import httpx
import pytest
from office import PASSWORD, Office

from run.living import MOST_IN_HAND, Desk, Living
from run.seed.words import choose


class Inside(Desk):
    """The same hands, in an office that is asked in this process."""

    def __init__(self, office: Office, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__("http://office", PASSWORD)
        self.office, self.loop = office, loop

    def call(self, user: str, method: str, path: str, body: object = None) -> httpx.Response:
        asked = self.office.call(user, method, path, body)
        return asyncio.run_coroutine_threadsafe(asked, self.loop).result(60)


@pytest.fixture
async def living(office_of_the_file: Office) -> Living:
    return Living(Inside(office_of_the_file, asyncio.get_running_loop()), Random(7))


async def test_a_few_complaints_arrive_and_some_are_worked_to_their_end(living: Living) -> None:
    living.opened = 12  # 13, 14 and 15: ordinary, and keyed in at once
    for _ in range(3):
        await asyncio.to_thread(living.arrive)
    mine = list(living.in_hand)
    assert len(mine) == 3
    closed = 0
    for _ in range(25):
        for reference in list(living.in_hand):
            await asyncio.to_thread(living.move, reference)
        closed = len(mine) - len([r for r in mine if r in living.in_hand])
        if closed >= 1:
            break
    assert closed >= 1, f"refused {living.refused}, in hand {list(living.in_hand)}"
    assert living.refused <= 3


async def test_its_memory_is_bounded(living: Living) -> None:
    """Cases nobody here moves, for they are in another office."""
    for n in range(2 * MOST_IN_HAND):
        living.in_hand[f"CMP-2020-9{n:05d}"] = choose(living.dice)
    with suppress(KeyError):  # the register has none of them
        await asyncio.to_thread(living.turn)
    assert len(living.in_hand) == MOST_IN_HAND
