"""Writes and sends the letters of a case, each of them once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.channels import Message, NotTaken, Post, Rejected, Uncertain
from activities.render import LetterContext, MissingValue, render
from activities.told_of import told_of
from complaints.case import Case
from complaints.names import Way
from complaints.orders import LetterDone, LetterOrder, LettersDone
from policies.files import FOLDER
from policies.load import by_version
from register import links, outbox, read
from register.outbox import Letter
from register.tables import CustomerLink, Sending


@asynccontextmanager
async def heartbeats(every: float = 3) -> AsyncIterator[None]:
    """Tell Temporal all the while that this worker is alive, so that a killed one is noticed in seconds."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(every)  # paces the heartbeat; waits for nothing

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def recipient(case: Case, way: Way) -> str | None:
    """Where that way leads for this complainant."""
    person = case.form.complainant
    if person is None:
        return None
    return {Way.email: person.email, Way.sms: person.phone, Way.post: person.address}.get(way)


GIVEN_UP = "not delivered in the time the rules give"
GIVEN_UP_AS = {"ready": "failed", "handing_over": "uncertain"}


class Letters:
    """The activity of sending a letter, with the register and the ways out it needs."""

    def __init__(self, engine: AsyncEngine, post: Post, rules: Path = FOLDER, public_url: str | None = None) -> None:
        self.engine, self.post, self.rules = engine, post, rules
        self.public_url = public_url.rstrip("/") if public_url else None

    @activity.defn
    async def send_letters(self, order: LetterOrder) -> LettersDone:
        """Send each letter unless it has gone out or may have; says what became of each."""
        async with heartbeats():
            return LettersDone(letters={number: await self._send(order, number) for number in order.letters})

    @activity.defn
    async def end_letters(self, order: LetterOrder) -> LettersDone:
        """End letters that were given up: what has not gone out goes out no more; says what became of each."""
        return LettersDone(letters={number: await self._given_up(order, number) for number in order.letters})

    async def _given_up(self, order: LetterOrder, number: int) -> LetterDone:
        kept = await outbox.find_letter(self.engine, order.reference, number)
        if kept is None:
            return LetterDone(state="failed", error=GIVEN_UP)
        if kept.state in GIVEN_UP_AS:
            await self._end(kept, kept.state, GIVEN_UP_AS[kept.state], GIVEN_UP)
            return await self._given_up(order, number)  # as it is now: an attempt may have ended it just before
        return LetterDone.model_validate({"state": kept.state, "error": kept.error})

    async def _send(self, order: LetterOrder, number: int) -> LetterDone:
        kept = await outbox.find_letter(self.engine, order.reference, number)
        if kept is None:
            kept = await outbox.prepare_letter(self.engine, *await self._write(order, number))
        key = {"reference": kept.reference, "number": kept.number}
        if kept.state == "handing_over":
            stopped = "the worker stopped while handing it over"
            await self._end(kept, kept.state, "uncertain", stopped)
            return LetterDone(state="uncertain", error=stopped)
        if kept.state != "ready":
            return LetterDone.model_validate({"state": kept.state, "error": kept.error})
        return await self._hand_over(kept, key)

    async def _hand_over(self, kept: Letter, key: dict[str, object]) -> LetterDone:
        adapter = self.post.adapter(Way(kept.way))
        if adapter is None:
            await self._end(kept, "ready", "failed", f"no adapter for {kept.way}")
            return LetterDone(state="failed", error=f"no adapter for {kept.way}")

        mine = "ready"  # the state that this attempt may change: a reservation of another is not its own

        async def handing_over() -> None:
            nonlocal mine
            if not await outbox.move(self.engine, Sending, key, "state", "ready", "handing_over", tries=kept.tries + 1):
                raise ApplicationError("another attempt has it", type="NotTaken")
            mine = "handing_over"

        try:
            await adapter.deliver(_message(kept), handing_over)
        except Rejected as no:
            await self._end(kept, mine, "failed", str(no))
            return LetterDone(state="failed", error=str(no))
        except Uncertain as maybe:
            await self._end(kept, "handing_over", "uncertain", str(maybe))
            return LetterDone(state="uncertain", error=str(maybe))
        except NotTaken as later:
            await outbox.move(self.engine, Sending, key, "state", mine, "ready", error=str(later))
            raise ApplicationError(str(later), type="NotTaken") from None
        await self._end(kept, mine, "sent", None)
        return LetterDone(state="sent")

    async def _end(self, kept: Letter, old: str, new: str, error: str | None) -> None:
        key = {"reference": kept.reference, "number": kept.number}
        if links.struck(kept.body) != kept.body:
            await outbox.change_text(self.engine, _without_link(kept))
        await outbox.move(self.engine, Sending, key, "state", old, new, done_at=datetime.now(UTC), error=error)

    async def _write(self, order: LetterOrder, number: int) -> tuple[Letter, CustomerLink | None]:
        state = await read.case_state(self.engine, order.reference)
        if state is None:
            raise ApplicationError(f"{order.reference} is not in the register yet")
        case = Case.model_validate(state)
        version = str(state["policy_version"])
        context = await letter_context(self.engine, case, version, order.written_at, self.rules)
        context = context.model_copy(update=await told_of(self.engine, case, number, context.written_at.tzinfo))
        token = links.new_token() if self.public_url else None
        if token:
            context = context.model_copy(update={"answer_link": f"{self.public_url}/c/{token}"})
        try:
            rendered = await asyncio.to_thread(render, order.letters[number], order.way, context)
        except MissingValue as missing:
            raise ApplicationError(str(missing), type="MissingValue", non_retryable=True) from None
        letter = Letter(
            reference=order.reference,
            number=number,
            kind=order.letters[number],
            way=order.way,
            language=case.form.language,
            recipient=recipient(case, order.way) or "",
            subject=rendered.subject,
            body=rendered.text,
            html=rendered.html,
            pdf=rendered.pdf,
            ordered_at=order.written_at,
            state="ready",
            message_id=f"{order.reference}-{number}",
        )
        if token is None or token not in rendered.text:  # a kind of letter that shows no link needs none
            return letter, None
        good_for = timedelta(days=by_version(version, self.rules).letters.link_days)
        return letter, CustomerLink(
            hash=links.digest(token),
            reference=order.reference,
            letter=number,
            made_at=order.written_at,
            expires_at=order.written_at + good_for,
        )


def _without_link(kept: Letter) -> Letter:
    """A letter's text once it is out: the reader alone has the link. A PDF cannot be changed, so it is cleared."""
    html, pdf = kept.html and links.struck(kept.html), b"" if kept.pdf else kept.pdf
    return kept.model_copy(update={"body": links.struck(kept.body), "html": html, "pdf": pdf})


def _message(kept: Letter) -> Message:
    return Message(
        key=kept.message_id,
        recipient=kept.recipient,
        subject=kept.subject,
        text=kept.body,
        html=kept.html,
        pdf=kept.pdf,
    )


async def letter_context(engine: AsyncEngine, case: Case, version: str, at: datetime, rules: Path) -> LetterContext:
    """Everything a letter of this case may say, as the register has it; times in the bank's zone."""
    policy = by_version(version, rules)
    person, held = case.form.complainant, case.assignment
    names = {d["code"]: d for d in await read.departments(engine)}
    department = names.get(held.department) if held else None
    handler = await read.staff_member(engine, held.handler) if held and held.handler else None
    last = case.resolutions[-1] if case.resolutions else None
    clock = case.clock("resolution")
    local = policy.calendar.local
    return LetterContext(
        reference=case.reference,
        language=case.form.language,
        bank=policy.letters.bank[case.form.language],
        contact=policy.letters.contact[case.form.language],
        received_at=local(case.form.received_at),
        written_at=local(at),
        name=person.name if person else None,
        gender=person.gender if person else None,
        address=person.address if person else None,
        expected_by=local(clock.due_at) if clock else None,
        overdue=clock is not None and clock.due_at <= at,
        stage=case.stage,
        department_zh=department["zh"] if department else None,
        department_en=department["en"] if department else None,
        handler=handler.name if handler else None,
        reply=(last.reply or last.findings) if last else None,
        measures=last.measures if last else None,
        redress_kind=last.redress.kind if last else "none",
        redress_amount=last.redress.amount if last else None,
        further_round=case.round - case.first_round + 1 < policy.callback.rounds,
        round=case.round,
        regulator=policy.letters.regulator.get(case.form.language),
        outcome=case.outcome,
    )
