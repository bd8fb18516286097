"""The world outside as a process of its own: takes e-mail by SMTP, SMS and staff messages by HTTP, notes each at once.

`python -m benchmarks.chaos.sink NOTES SMTP_PORT HTTP_PORT`. It answers only what is noted.
"""

import email
import signal
import sys
from email import policy
from pathlib import Path

import uvicorn
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import FastAPI, Request

from benchmarks.chaos.notes import Notes

TAKEN = "250 taken by the sink"
"""Its answer to a whole message; the proxy in front knows it by these words."""


class Taker:
    """Takes every e-mail (called by aiosmtpd)."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Note it under its Message-ID, then say so."""
        mail = email.message_from_bytes(envelope.original_content or b"", policy=policy.default)
        body = mail.get_body(("plain",))  # type: ignore[attr-defined]  # the policy makes it an EmailMessage
        key = str(mail["Message-ID"]).strip(" \r\n<>").partition("@")[0]
        self.notes.add(kind="email", key=key, to=envelope.rcpt_tos, text=body.get_content() if body else "")
        return TAKEN


def doors(notes: Notes) -> FastAPI:
    """The HTTP doors for SMS and staff messages."""
    app = FastAPI()

    @app.post("/{kind}")
    async def take(kind: str, request: Request) -> dict[str, str]:
        said = await request.json()
        text = said.get("text", "")
        notes.add(kind=kind, key=request.headers.get("Idempotency-Key", ""), to=[said.get("to", "")], text=str(text))
        return {"status": "taken"}

    return app


def main(path: Path, smtp_port: int, http_port: int) -> None:
    """Serve until killed."""
    notes = Notes(path)
    controller = Controller(Taker(notes), hostname="127.0.0.1", port=smtp_port, data_size_limit=10 * 1024 * 1024)
    controller.start()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    uvicorn.run(doors(notes), host="127.0.0.1", port=http_port, log_config=None)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
