"""Tells staff what waits for them: one digest per person for all that came together, never a flood."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

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
            for digest in await outbox.open_digests(self.engine, person.username):
                await self._send(digest, staff)
            return DigestDone(notices=told)

    async def _send(self, digest: Digest, staff: Staff) -> None:
        mail, webhook = self.post.mail, self.post.webhook
        message = Message(key=digest.id, recipient=staff.email, subject=digest.subject, text=digest.body)
        if mail:
            await self._once(digest, "mail", lambda handing_over: mail.deliver(message, handing_over))
        if webhook:
            text = f"{digest.subject}\n{digest.body}"
            await self._once(digest, "webhook", lambda over: webhook.send(text, staff.username, digest.id, over))
        await outbox.digest_done(self.engine, digest.id, datetime.now(UTC))

    async def _once(self, digest: Digest, column: str, send: Send) -> None:
        key, state = {"id": digest.id}, getattr(digest, column)
        if state == "handing_over":
            await outbox.move(self.engine, Digest, key, column, "handing_over", "uncertain")
        if state != "ready":
            return

        mine = "ready"  # the state that this attempt may change: a reservation of another is not its own

        async def handing_over() -> None:
            nonlocal mine
            if not await outbox.move(self.engine, Digest, key, column, "ready", "handing_over"):
                raise ApplicationError("another attempt has it", type="NotTaken")
            mine = "handing_over"

        try:
            await send(handing_over)
        except NotTaken as later:
            await outbox.move(self.engine, Digest, key, column, mine, "ready")
            raise ApplicationError(str(later), type="NotTaken") from None
        except (Rejected, Uncertain) as error:
            outcome = "failed" if isinstance(error, Rejected) else "uncertain"
            await outbox.move(self.engine, Digest, key, column, mine, outcome)
            return
        await outbox.move(self.engine, Digest, key, column, mine, "sent")
