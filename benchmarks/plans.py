"""The queries behind pages, as the application sends them, each with what PostgreSQL does about it."""

import re
from typing import Any

import httpx
import psycopg
from sqlalchemy import event

from api.app import create_app
from api.parts import Lives, Parts
from complaints.names import TASK_QUEUE
from run import connect
from run.settings import Settings, needed_secret

Sent = tuple[str, Any]


READER = {"my cases": "handler"}
"""Whose page it is; the others are a manager's."""
SCANS = re.compile(r"((?:Parallel )?(?:Index Only|Bitmap Index|Index|Seq) Scan(?: Backward)? (?:using \w+ )?on \w+)")


async def explained(settings: Settings, paths: dict[str, str], owner: str, password: str) -> str:
    """EXPLAIN (ANALYZE, BUFFERS) of what each page asks the register, in this process."""
    engine, sent = connect.register(settings), list[Sent]()

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def _(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        reads = statement.lstrip().startswith(("SELECT", "WITH")) and not re.search("INSERT|UPDATE|nextval", statement)
        if not many and reads:
            sent.append((statement, parameters))

    temporal = await connect.temporal(settings, engine, lazy=True)
    secret = needed_secret(settings.secret_key, "secret_key")
    app = create_app(Parts(engine, temporal, secret, TASK_QUEUE, Lives()))
    transport, text = httpx.ASGITransport(app=app, raise_app_exceptions=False), list[str]()
    headers = {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as http:
        for name, path in paths.items():
            user = READER.get(name, "manager")
            await http.post("/sign-in", data={"username": user, "password": password, "next": ""})
            sent.clear()
            answer = await http.get(path, timeout=120)
            text.append(f"{'=' * 100}\n{name}: {path} by {user}: {answer.status_code}, {len(sent)} queries\n")
            text += [_plan(owner, *one) for one in list(sent)] if answer.status_code == 200 else []
    await engine.dispose()
    return "\n".join(text)


def _plan(owner: str, statement: str, parameters: Any) -> str:
    with psycopg.connect(owner) as db:
        rows = db.execute("EXPLAIN (ANALYZE, BUFFERS) " + statement, parameters)  # rolled back when closed
        return "\n".join([statement, "", *(f"    {row[0]}" for row in rows), ""])


def condensed(text: str) -> str:
    """Of each page its queries: by which indexes, how long; small tables are read whole."""
    lines = list[str]()
    for page in text.split("=" * 100)[1:]:
        head, *rest = page.strip().splitlines()
        lines += ["", f"## {head.split(':')[0]}", "", "| read | ms |", "| --- | --- |"]
        scans = list[str]()
        for line in rest:
            if found := SCANS.search(line):
                scans.append(found[1])
            elif found := re.search(r"Execution Time: ([\d.]+) ms", line):
                lines.append(f"| {'; '.join(dict.fromkeys(scans)) or 'no table'} | {float(found[1]):.1f} |")
                scans = []
    return "\n".join(lines)
