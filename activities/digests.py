"""Tells staff what waits for them: one digest per person for all that came together, never a flood."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.channels import Message, NotTaken, Post, Rejected, Uncertain
from activities.letters import heartbeats
from activities.wording import SUBJECTS, wording
from complaints.orders import DigestDone, Person
from register import outbox, read
from register.tables import Digest, Staff, StaffNotice

LINES = 50
GIVEN_UP_AFTER = timedelta(hours=24)
"""What a way has not taken by then is given up there: the console says the same, and newer ones wait."""
log = structlog.get_logger()
Send = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]


def digest_text(notices: list[StaffNotice], language: str) -> tuple[str, str]:
    """Subject and body: counts by kind, then the first lines; no personal data, only references."""
    subject = SUBJECTS[language].format(count=len(notices))
    counts = Counter(n.kind for n in notices)
    lines = [f"{wording(kind, language)}: {number}" for kind, number in counts.most_common()]
    lines.append("")
    for notice in notices[:LINES]:
        due = str(notice.data.get("due_at") or "")[:16].replace("T", " ")  # to the minute, in the calendar's zone
        more = f" · {notice.data['clock']}" if "clock" in notice.data else ""
        if "within_minutes" in notice.data:
            more = f" · {notice.data['cases']} / {notice.data['within_minutes']} min"
        lines.append(f"{notice.reference} · {wording(notice.kind, language)}{more}{f' · {due}' if due else ''}")
    if len(notices) > LINES:
        lines.append(f"… +{len(notices) - LINES}")
    return subject, "\n".join(lines) + "\n"


class Digests:
    """The activity of sending a person's digest."""

    def __init__(self, engine: AsyncEngine, post: Post) -> None:
        self.engine, self.post = engine, post

    @activity.defn
    async def send_digest(self, person: Person) -> DigestDone:
        """Send everything that waits for this person by each way there is; says how much it was.

        It is one message, unless there is more than one digest holds.
        """
        async with heartbeats():
            staff = await read.staff_member(self.engine, person.username)
            if staff is None:
                return DigestDone(notices=0)
            told = 0
            while notices := await outbox.waiting_notices(self.engine, person.username):
                told += len(notices)
                subject, body = digest_text(notices, staff.language)
                first = notices[0]
                await outbox.make_digest(
                    self.engine,
                    Digest(
                        id=f"digest-{person.username}-{first.reference}-{first.seq}",
                        username=person.username,
                        made_at=datetime.now(UTC),
                        notices=len(notices),
                        subject=subject,
                        body=body,
                    ),
                    notices,
                )
            away: dict[str, str] = {}
            for digest in await outbox.open_digests(self.engine, person.username):
                await self._send(digest, staff, away)
            if away:
                raise ApplicationError("; ".join(f"{way}: {why}" for way, why in away.items()), type="NotTaken")
            return DigestDone(notices=told)

    async def _send(self, digest: Digest, staff: Staff, away: dict[str, str]) -> None:
        """Send it by each way that is not `away`; one that does not take it now is put there, with the reason.

        A way that waits holds up no other, and is asked once in an attempt, which has its time.
        """
        mail, webhook = self.post.mail, self.post.webhook
        message = Message(key=digest.id, recipient=staff.email, subject=digest.subject, text=digest.body)
        text = f"{digest.subject}\n{digest.body}"
        ways: dict[str, Send] = {}
        if mail:
            ways["mail"] = lambda over: mail.deliver(message, over)
        if webhook:
            ways["webhook"] = lambda over: webhook.send(text, staff.username, digest.id, over)
        for way, send in ways.items():
            if way not in away:
                try:
                    await self._once(digest, way, send)
                except NotTaken as error:
                    away[way] = str(error)
        if not away:
            await outbox.digest_done(self.engine, digest.id, datetime.now(UTC))

    async def _once(self, digest: Digest, column: str, send: Send) -> None:
        """Send it by one way, once; NotTaken where it is to be tried again."""
        key, state = {"id": digest.id}, getattr(digest, column)
        if state == "handing_over":
            await outbox.move(self.engine, Digest, key, column, "handing_over", "uncertain")
        if state != "ready":
            return

        mine = "ready"  # the state that this attempt may change: a reservation of another is not its own

        async def handing_over() -> None:
            nonlocal mine
            if not await outbox.move(self.engine, Digest, key, column, "ready", "handing_over"):
                raise NotTaken("another attempt has it")
            mine = "handing_over"

        try:
            await send(handing_over)
        except (NotTaken, Rejected, Uncertain) as error:
            waits = isinstance(error, NotTaken) and datetime.now(UTC) - digest.made_at < GIVEN_UP_AFTER
            outcome = "ready" if waits else "uncertain" if isinstance(error, Uncertain) else "failed"
            await outbox.move(self.engine, Digest, key, column, mine, outcome)
            log.warning("digest.not_sent", way=column, outcome=outcome, why=str(error))
            if waits:
                raise
            return
        await outbox.move(self.engine, Digest, key, column, mine, "sent")
