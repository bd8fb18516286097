"""The same process as a durable workflow of DBOS: `python -m peers.on_dbos PORT DATABASE SMTP-PORT`.

One asynchronous workflow a complaint: it waits for the next act or its next deadline, whichever is first. Each change
of the tables and each letter is a step, which DBOS does once, or again when it died before it was written down.
"""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Any

import uvicorn
from dbos import DBOS, DBOSConfig, SetWorkflowID
from fastapi import FastAPI, Header
from sqlalchemy import create_engine, make_url, text

from peers import business

WEB, DATABASE, SMTP = (*sys.argv[1:4], "", "", "")[:3]
ENGINE = create_engine(DATABASE or "postgresql+psycopg://", pool_size=20)
ACTS = ("acceptance", "resolution", "callbacks")
NEXT = """
SELECT name, extract(epoch FROM due_at) FROM clock
WHERE reference = :r AND stopped_at IS NULL AND breached_at IS NULL ORDER BY due_at LIMIT 1
"""


def _in_one(do: Any, *args: Any) -> None:
    with ENGINE.begin() as db:
        do(db, *args)


@DBOS.step()
async def changed(what: str, reference: str, *args: Any) -> None:
    """One change of the tables. Made again after a crash it changes nothing but for a second line in the history."""
    await asyncio.to_thread(_in_one, getattr(business, what), reference, *args)


@DBOS.step()
async def next_due(reference: str) -> tuple[str, float] | None:
    """The clock that runs out next, and in how many seconds."""

    def asked() -> Any:
        with ENGINE.connect() as db:
            return db.execute(text(NEXT), {"r": reference}).first()

    row = await asyncio.to_thread(asked)
    return (row[0], max(float(row[1]) - datetime.now(UTC).timestamp(), 0)) if row else None


@DBOS.step(retries_allowed=True)
async def send(reference: str, kind: str, email: str) -> None:
    """Hand a letter over."""
    await asyncio.to_thread(business.send, int(SMTP), reference, kind, email)


async def letters(reference: str, email: str, *kinds: str) -> None:
    """Send them, and write down that they are out."""
    for kind in kinds:
        await send(reference, kind, email)
        await changed("sent", reference, kind)


@DBOS.workflow()
async def complaint(reference: str, body: dict[str, Any]) -> str:
    """One complaint, from its receipt to its end."""
    await changed("opened", reference, body)
    await DBOS.set_event_async("opened", True)
    email = body["complainant"]["email"]
    await letters(reference, email, "acknowledgement")
    done = 0
    while done < len(ACTS):
        due = await next_due(reference)
        act = await DBOS.recv_async("acts", timeout_seconds=due[1] if due else 365 * 86400)
        if act is None:
            assert due is not None
            await changed("breached", reference, due[0])
            continue
        await changed("acted", reference, act["act"], "{}")
        await DBOS.set_event_async(act["key"], True)
        done += 1
        sent = {"resolution": ("result", "satisfaction_request"), "callbacks": ("closing",)}.get(act["act"], ())
        await letters(reference, email, *sent)
    return "closed"


api = FastAPI()


def _case(reference: str) -> dict[str, Any]:
    with ENGINE.connect() as db:
        return business.case(db, reference)


@api.post("/auth/token")
def token() -> dict[str, str]:
    """Anybody may do anything."""
    return {"access_token": "everybody"}


@api.post("/complaints")
async def opening(body: dict[str, Any], idempotency_key: str = Header()) -> dict[str, Any]:
    """Start its workflow, and answer when it is assigned."""
    reference = await asyncio.to_thread(business.new_reference, ENGINE, idempotency_key)
    with SetWorkflowID(reference):
        await DBOS.start_workflow_async(complaint, reference, body)
    await DBOS.get_event_async(reference, "opened", 10)
    return await asyncio.to_thread(_case, reference)


@api.get("/complaints/{reference}")
async def reading(reference: str) -> dict[str, Any]:
    """The case as the tables have it."""
    return await asyncio.to_thread(_case, reference)


@api.post("/complaints/{reference}/{act}")
async def acting(reference: str, act: str, idempotency_key: str = Header()) -> dict[str, Any]:
    """Tell its workflow, and answer when it is done."""
    await DBOS.send_async(reference, {"act": act, "key": idempotency_key}, "acts", idempotency_key=idempotency_key)
    await DBOS.get_event_async(reference, idempotency_key, 10)
    return await asyncio.to_thread(_case, reference)


if __name__ == "__main__":
    business.make_tables(ENGINE)
    url = make_url(DATABASE).set(drivername="postgresql").render_as_string(hide_password=False)
    config: DBOSConfig = {"name": "peer", "system_database_url": url, "console_log_level": "WARNING"}
    DBOS(config=config)
    DBOS.launch()
    uvicorn.run(api, port=int(WEB), log_level="warning", access_log=False)
