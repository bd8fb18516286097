"""A careful client: each request has a key, is noted before it is sent, and repeated under its key until answered."""

import hashlib
import itertools
import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.chaos.notes import Notes
from benchmarks.chaos.stand import PASSWORD

Json = dict[str, Any]
PATIENCE = 20.0
"""Seconds until an answer counts as none; the API itself waits ten for the process."""


@dataclass(frozen=True)
class Request:
    """What a person wants done: `act` names it, `number` is the run's own number of the complaint."""

    act: str
    user: str
    path: str
    body: Json
    key: str
    number: int


class Client:
    """Sends in everybody's name through the proxy; its notes are the truth of what was answered."""

    def __init__(self, port: int, notes: Path) -> None:
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, limits=httpx.Limits(max_connections=64)
        )
        self.notes, self.sending = Notes(notes), itertools.count(1)
        self.tokens: dict[str, str] = {}
        self.stopping = threading.Event()

    def close(self) -> None:
        """No more."""
        self.stopping.set()
        self.http.close()

    def _token(self, user: str) -> str:
        if user not in self.tokens:
            answer = self.http.post("/auth/token", data={"username": user, "password": PASSWORD})
            answer.raise_for_status()
            self.tokens[user] = answer.json()["access_token"]
        return self.tokens[user]

    def get(self, user: str, path: str) -> Json | None:
        """What is there; None when there is no answer now."""
        try:
            answer = self.http.get(path, headers={"Authorization": f"Bearer {self._token(user)}"})
            if answer.status_code == 401:
                self.tokens.pop(user, None)
            return dict(answer.json()) if answer.status_code == 200 else None
        except (httpx.HTTPError, ValueError):
            return None

    def send(self, request: Request, why: str = "") -> httpx.Response | None:
        """Once; None when no answer came. `why` says what kind of repeat it is."""
        body = json.dumps(request.body, ensure_ascii=False).encode()
        try:
            token = self._token(request.user)
        except (httpx.HTTPError, ValueError):
            return None  # nothing was sent
        number = next(self.sending)
        self.notes.add(
            what="sent", id=number, key=request.key, act=request.act, user=request.user, path=request.path, why=why,
            number=request.number, digest=hashlib.sha256(body).hexdigest()[:16], said=_said(request),
        )  # fmt: skip
        headers = {
            "Authorization": f"Bearer {token}",
            "Idempotency-Key": request.key,
            "Content-Type": "application/json",
        }
        try:
            answer = self.http.post(request.path, content=body, headers=headers)
        except httpx.HTTPError as error:
            self.notes.add(what="none", id=number, error=type(error).__name__)
            return None
        said = _json(answer)
        detail = str(said.get("detail", ""))[:200] if answer.is_error else ""
        self.notes.add(
            what="answer", id=number, status=answer.status_code, reference=said.get("reference"), detail=detail
        )
        if answer.status_code == 401:
            self.tokens.pop(request.user, None)
        return answer

    def insist(self, request: Request, until: float) -> httpx.Response | None:
        """Until it is answered for good: done or refused; None when the run ended before."""
        wait, why = 0.3, ""
        while time.monotonic() < until and not self.stopping.is_set():
            answer = self.send(request, why)
            if answer is not None and answer.status_code < 500 and answer.status_code not in (401, 429):
                return answer
            why = "no answer" if answer is None else str(answer.status_code)
            self.stopping.wait(wait)
            wait = min(wait * 1.6, 4)
        return None


def _said(request: Request) -> Json:
    """What the checker must know of an opening, and no more of anybody."""
    if request.act != "open":
        return {}
    person = request.body["complainant"]
    ways = sorted(w for w in ("email", "phone", "address") if person and person.get(w))
    return {"received_at": request.body["received_at"], "channel": request.body["channel"], "ways": ways} | {
        "anonymous": person is None
    }


def _json(answer: httpx.Response) -> Json:
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
