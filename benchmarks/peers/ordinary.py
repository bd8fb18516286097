"""The ordinary way: status rows in PostgreSQL, an API that changes them, and sweeps by APScheduler.

`python -m peers.ordinary PORT DATABASE SMTP-PORT SWEEP-SECONDS`. An act is one transaction; letters are rows that a job
sends, deadlines are found by another. Both jobs run in the web process, as such systems do.
"""

import logging
import sys
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from apscheduler.schedulers.background import BackgroundScheduler
from fastapi import FastAPI, Header
from sqlalchemy import Engine, create_engine, text

from peers import business

BATCH = 200
WAITING = """
SELECT l.reference, l.kind, c.email FROM letter l JOIN complaint c USING (reference)
WHERE l.sent_at IS NULL ORDER BY l.ordered_at LIMIT :batch
"""
DUE = """
SELECT reference, name FROM clock WHERE stopped_at IS NULL AND breached_at IS NULL AND due_at <= now()
ORDER BY due_at LIMIT :batch
"""


def send_letters(engine: Engine, smtp: int) -> None:
    """Send what waits; each is marked when the mail server has taken it."""
    with engine.connect() as db:
        waiting = db.execute(text(WAITING), {"batch": BATCH}).all()
    for reference, kind, email in waiting:
        business.send(smtp, reference, kind, email)
        with engine.begin() as db:
            business.sent(db, reference, kind)


def sweep(engine: Engine) -> None:
    """Find clocks that have run out."""
    while True:
        with engine.begin() as db:
            due = db.execute(text(DUE), {"batch": BATCH}).all()
            for reference, name in due:
                business.breached(db, reference, name)
        if len(due) < BATCH:
            return


def app(engine: Engine, smtp: int, every: float) -> FastAPI:
    """The API, with its jobs."""
    jobs = BackgroundScheduler()
    jobs.add_job(send_letters, "interval", [engine, smtp], seconds=1, max_instances=1, coalesce=True)
    jobs.add_job(sweep, "interval", [engine], seconds=every, max_instances=1, coalesce=True)

    @asynccontextmanager
    async def alive(_: FastAPI) -> Any:
        business.make_tables(engine)
        jobs.start()
        yield
        jobs.shutdown()

    api = FastAPI(lifespan=alive)

    @api.post("/auth/token")
    def token() -> dict[str, str]:
        return {"access_token": "everybody"}

    @api.post("/complaints")
    def opening(body: dict[str, Any], idempotency_key: str = Header()) -> dict[str, Any]:
        reference = business.new_reference(engine, idempotency_key)
        with engine.begin() as db:
            business.opened(db, reference, body)
            return business.case(db, reference)

    @api.get("/complaints/{reference}")
    def reading(reference: str) -> dict[str, Any]:
        with engine.connect() as db:
            return business.case(db, reference)

    @api.post("/complaints/{reference}/{act}")
    def acting(reference: str, act: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        with engine.begin() as db:
            business.acted(db, reference, act, "{}")
            return business.case(db, reference)

    return api


if __name__ == "__main__":
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a job that takes longer than its interval is normal
    web, database, mail, seconds = sys.argv[1:]
    made = app(create_engine(database, pool_size=20), int(mail), float(seconds))
    uvicorn.run(made, port=int(web), log_level="warning", access_log=False)
