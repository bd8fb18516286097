"""The auditor's side of the audit log: reading it over the API, checking, exporting and showing it on the command line."""

import asyncio
import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from contract import problem, signed_in
from keys import MASTER_KEYS, register_at
from office import Office
from typer.testing import CliRunner

from register import audit
from run import auditing
from run.auditing import os_user
from run.cli import app

Json = dict[str, Any]


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return signed_in(office_of_the_file)


async def pages(office: Office, **query: Any) -> list[Json]:
    items: list[Json] = []
    cursor: Json = {}
    bearer = {"Authorization": f"Bearer {await office.token('auditor')}"}
    while True:
        answer = await office.http.get("/audit", params=query | cursor, headers=bearer)
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        if answer.json()["next"] is None:
            return items
        cursor = {"cursor": answer.json()["next"]}


async def test_the_auditor_reads_by_who_act_subject_and_time_in_pages(office: Office) -> None:
    began = datetime.now(UTC)
    case = await office.open()
    reference, handler = case["reference"], case["assignment"]["handler"]
    await office.act(handler, reference, "acceptance")
    every = await pages(office, subject=reference, limit=2)
    assert [x["seq"] for x in every] == sorted((x["seq"] for x in every), reverse=True)
    assert len(every) > 4 and {x["act"] for x in every} >= {"received", "assigned", "accepted", "POST /complaints"}
    assert {x["who"] for x in await pages(office, subject=reference, who=handler)} == {handler}
    assert [x["act"] for x in await pages(office, subject=reference, act="accepted")] == ["accepted"]
    opened_it = {"act": "POST /complaints", "subject": reference}
    assert len(await pages(office, **opened_it, **{"from": began.isoformat()})) == 1
    assert await pages(office, **opened_it, to=began.isoformat()) == []
    problem(await office.call("auditor", "GET", "/audit?from=yesterday"), "invalid")
    assert (await pages(office, who="auditor"))[0]["act"] == "GET /audit", "looking at the log is logged, too"


def test_the_command_line_exports_checks_and_shows(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing.out, "width", 400)

    def amends(*words: str, code: int = 0) -> str:
        env = {"AMENDS_DATABASE_URL": database_url, "AMENDS_MASTER_KEYS": MASTER_KEYS}
        done = CliRunner().invoke(app, ["audit", *words], env=env)
        assert done.exit_code == code, done.output
        return " ".join(done.output.replace("│", " ").split())  # an error's box breaks lines where a path is long

    async def write_some() -> None:
        engine = register_at(database_url)
        lines = [audit.Entry(who="=1+1", act="tried", subject="exported", why="=cmd|'/C calc'!A0，原因")]
        await audit.append(
            engine, *lines, audit.Entry(who="x", act="tried", subject="exported", change={"a": [None, "b"]})
        )
        await engine.dispose()

    asyncio.run(write_some())
    day = datetime.now(UTC).date().isoformat()
    for name in ("log.csv", "log.jsonl"):
        assert amends("export", "--from", day, "--subject", "exported", "--to-file", str(tmp_path / name)).endswith(
            name
        )
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    rows = list(csv.DictReader((tmp_path / "log.csv").open(encoding="utf-8")))
    assert (rows[0]["who"], rows[0]["why"], rows[0]["act"]) == ("'=1+1", "'=cmd|'/C calc'!A0，原因", "tried")
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text("utf-8").splitlines()]
    assert [x["why"] for x in lines[:2]] == ["=cmd|'/C calc'!A0，原因", None] and len(lines[0]["mac"]) == 64
    assert [x["act"] for x in lines[2:]] == ["audit_exported"] * 2 and lines[2]["who"].startswith("command line:")
    assert "is there already" in amends("export", "--to-file", str(tmp_path / "log.csv"), code=2)
    assert ".jsonl or .csv" in amends("export", "--to-file", str(tmp_path / "log.txt"), code=2)
    assert "neither a day nor a time" in amends(
        "export", "--from", "soon", "--to-file", str(tmp_path / "a.csv"), code=2
    )
    assert "must be before" in amends(
        "export", "--from", day, "--to", day, "--to-file", str(tmp_path / "b.csv"), code=2
    )
    assert "a – → b" in amends("show", "--subject", "exported")

    checked = amends("verify")
    head = checked.split("head: ")[1].strip()
    assert "as they were written" in checked
    assert "as they were written" in amends("verify", "--anchor", head)
    assert "audit_checked" in amends("show", "--who", os_user()), "what a check found is in the log, too"
    after = f"lines after line {head.split(':')[0]}"
    later = amends("verify", "--since", head)
    assert f"{after}, from" in later and "as they were written" in later
    assert "is before the one of --since" in amends(
        "verify", "--anchor", head, "--since", later.split("head: ")[1].strip(), code=2
    )
    assert "--since: an anchor is SEQ:MAC" in amends("verify", "--since", "12", code=2)
    wrong = f"{head.split(':')[0]}:{'0' * 64}"
    assert "not the line of the anchor" in (told := amends("verify", "--since", wrong, code=1))
    assert f"the 0 {after} before it" in told
    assert f"line {head.split(':')[0]}: not the line of the anchor" in amends("verify", "--anchor", wrong, code=1)
    assert "SEQ:MAC" in amends("verify", "--anchor", "12", code=2)
