"""Bad input, as the tests send it: whatever the body, what a refusal must name, and how much is kept meanwhile."""

import json
from typing import Any

import httpx
import pytest
from office import PLAIN, Office
from sqlalchemy import func, select

from register.tables import Complaint, Intake

Json = dict[str, Any]
PERSON: Json = PLAIN["complainant"]
JSON = {"Content-Type": "application/json"}


async def send(office: Office, user: str, path: str, body: Any, **headers: Any) -> httpx.Response:
    """A body as JSON with all its oddities (half characters, NaN), or bytes as they are."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    bearer = {"Authorization": f"Bearer {await office.token(user)}"}
    return await office.http.post(path, content=raw, headers=JSON | bearer | headers)


async def kept(office: Office) -> tuple[int, int]:
    """How many complaints are kept, and how many are cases."""
    async with office.engine.connect() as db:
        counts = [(await db.execute(select(func.count()).select_from(t))).scalar_one() for t in (Intake, Complaint)]
    return counts[0], counts[1]


def at_fault(answer: httpx.Response) -> set[str]:
    """The fields that a 422 names."""
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert (said["type"], said["status"], said["title"]) == ("urn:amends:invalid", 422, "fields at fault")
    assert all(set(e) == {"field", "code", "message"} and e["code"] and e["message"] for e in said["errors"])
    return {e["field"] for e in said["errors"]}


LEGITIMATE = [
    pytest.param("钱去哪了😡👨‍👩‍👧‍👦🇨🇳", id="emoji"),
    pytest.param("שלום עולם — السلام عليكم", id="right to left"),
    pytest.param("\u202eexe.fdp\u202c \u2066isolated\u2069", id="bidi"),
    pytest.param("𠮷野家の髙﨑さん é e\u0301 ﷺ Z͑ͫ̓ͪa̴l̷g̸o", id="rare characters, not normalised"),
    pytest.param("'; DROP TABLE complaint; -- \" OR 1=1 \\'; %s %(x)s {} $1 :x", id="SQL"),
    pytest.param("{{7*7}} {%for x in 9%} {{ config }} ${7*7} #{7*7} <%=7*7%> {{''.__class__}}", id="templates"),
    pytest.param("<script>alert(1)</script><img src=x onerror=alert(1)> &amp; &lt;b&gt; ]]>", id="HTML"),
    pytest.param("=cmd|'/C calc'!A0 @SUM(1) +1 -1 \\u0000 \\x00 %00 ../../etc/passwd", id="formulas and escapes"),
]
