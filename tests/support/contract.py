"""The contract over HTTP, as the tests hold on to it: what a refusal looks like, tokens, forms that nobody has sent before."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import jsonschema_rs
import jwt
from office import PLAIN, SECRET, Office
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from api.errors import PROBLEM
from complaints.names import Role
from register.sign_in_tables import StaffSession

Json = dict[str, Any]
ALL = {r.value for r in Role}

TITLES = {
    "unauthenticated": (401, "sign in"),
    "not_allowed": (403, "not yours to do"),
    "not_yours": (403, "not yours to do"),
    "own_work": (403, "not yours to do"),
    "unknown": (404, "unknown"),
    "no_such_method": (405, "no such method"),
    "wrong_stage": (409, "not possible now"),
    "too_soon": (409, "not possible now"),
    "key_reused": (409, "not possible now"),
    "invalid": (422, "fields at fault"),
    "unavailable": (503, "a part is down"),
}
"""What clients hold on to: the status and title that go with each type."""


def token(key: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """An access token of the session that every role has in the register of the tests (`sessions_of`)."""
    good: Json = {"sub": "admin", "aud": "amends", "exp": datetime.now(UTC) + timedelta(minutes=5)}
    good["sid"] = f"of-{claims.get('sub', 'admin')}"
    return jwt.encode({k: v for k, v in (good | claims).items() if v is not None}, key, algorithm=algorithm)


async def sessions_of(engine: AsyncEngine, *names: str) -> None:
    """These are signed in already: a password takes long on purpose."""
    now = datetime.now(UTC)
    for name in names:
        row = StaffSession(
            id=f"of-{name}", username=name, kind="token", way="password", origin="the tests", digest=f"none of {name}",
            made_at=now, seen_at=now, expires_at=now + timedelta(days=1),
        )  # fmt: skip
        async with engine.begin() as db:
            await db.execute(insert(StaffSession).values(row.model_dump()).on_conflict_do_nothing())


def signed_in(office: Office) -> Office:
    """Use the sessions that each role has already."""
    office.tokens |= {role: token(sub=role) for role in ALL}
    return office


def problem(answer: httpx.Response, kind: str) -> Json:
    """It is that refusal, in the form of RFC 9457."""
    status, title = TITLES[kind]
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said: Json = answer.json()
    assert (said["type"], said["status"], said["title"]) == (f"urn:amends:{kind}", status, title)
    assert isinstance(said["detail"], str) and said["detail"]
    jsonschema_rs.validate(PROBLEM, said)
    for error in said.get("errors", []):
        assert set(error) == {"field", "code", "message"} and all(isinstance(v, str) and v for v in error.values())
    return said


def different(**more: Any) -> Json:
    """A form that nobody has sent before."""
    return PLAIN | {"complainant": PLAIN["complainant"] | {"customer_number": uuid4().hex}} | more


def new_word() -> str:
    """A word nobody has written, of characters so rare that no rule of classification knows them."""
    return "".join(chr(0x3400 + byte) for byte in uuid4().bytes)


async def opened(office: Office, form: Json, user: str = "agent", key: str | None = None) -> str:
    answer = await office.call(user, "POST", "/complaints", form, **({"Idempotency-Key": key} if key else {}))
    assert answer.status_code == 201, answer.text
    reference: str = answer.json()["reference"]
    assert answer.headers["location"] == f"/complaints/{reference}"
    return reference


async def listed(office: Office, **query: Any) -> list[str]:
    answer = await office.http.get(
        "/complaints", params=query, headers={"Authorization": f"Bearer {await office.token('auditor')}"}
    )
    assert answer.status_code == 200, answer.text
    return [row["reference"] for row in answer.json()["items"]]
