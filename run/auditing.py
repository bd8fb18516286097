"""`amends audit`: check the log, hand it to an auditor, look at it; and what the command line itself logs."""

import asyncio
import os
import pwd
from collections.abc import Coroutine
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from api import lines
from register import audit, audit_check, audit_state, read_audit
from run import connect
from run.settings import MissingSetting, beside_the_local_stack

app = typer.Typer(help="The audit log: check it, export it, look at it (docs/audit.md).", no_args_is_help=True)
out, err = Console(highlight=False, markup=False, soft_wrap=True), Console(stderr=True, markup=False, soft_wrap=True)
T = TypeVar("T")


def os_user() -> str:
    """Whom the command line logs: by the process itself, for the environment may say anything."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in a container without that user
        name = str(os.getuid())
    return f"command line:{name}"


def own_entry(act: str, **more: Any) -> audit.Entry:
    """An entry of a command."""
    return audit.Entry(who=os_user(), act=act, origin="command line", **more)


def _go(part: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(part)
    except MissingSetting as missing:
        err.print(str(missing), style="red")
        raise typer.Exit(2) from None
    except SQLAlchemyError as away:
        err.print(f"the register does not answer: {type(away).__name__}", style="red")
        raise typer.Exit(2) from None
    except OSError as error:
        err.print(str(error), style="red")
        raise typer.Exit(2) from None


@app.command()
def verify(
    anchor: Annotated[str | None, typer.Option(help="SEQ:MAC of an earlier check, kept elsewhere")] = None,
    since: Annotated[str | None, typer.Option(help="SEQ:MAC, too: check only the lines after that one")] = None,
) -> None:
    """Check every line, or those since an earlier check.

    Exit code 0: as it was written; 1: not, and where; 2: it could not be checked.
    Write the head down where nobody who reaches the database can change it, and give it as --anchor next time: only
    so does it show when the last lines were taken away together with the head.
    """
    known, begin = _anchor("--anchor", anchor), _anchor("--since", since)
    if known and begin and known.seq < begin.seq:
        err.print("--anchor: that line would not be looked at, it is before the one of --since", style="red")
        raise typer.Exit(2)
    found = _go(_verify(known, begin))
    number = f"{found.lines - found.since} lines" + (f" after line {found.since}" if found.since else "")
    if found.fault:
        err.print(f"line {found.fault.seq}: {found.fault.what}", style="red")
        err.print(f"the {number} before it are as they were written")
        raise typer.Exit(1)
    if not found.lines:
        out.print("the log has no lines yet")
        return
    when = f", from {_time(found.first_at)} to {_time(found.last_at)}" if found.first_at and found.last_at else ""
    out.print(f"{number}{when}, as they were written")
    out.print(f"head: {found.head}")


def _anchor(option: str, said: str | None) -> audit_check.Anchor | None:
    try:
        return audit_check.Anchor.read(said) if said else None
    except ValueError as wrong:
        err.print(f"{option}: {wrong}", style="red")
        raise typer.Exit(2) from None


async def _verify(anchor: audit_check.Anchor | None, since: audit_check.Anchor | None) -> audit_check.Report:
    engine = connect.register(beside_the_local_stack())
    found = await audit_check.verify(engine, anchor, since)
    await audit_state.note(engine, found, os_user(), "command line")
    await engine.dispose()
    return found


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a day nor a time, such as 2026-09-30T10:00+08:00") from None
    return found if found.tzinfo else found.astimezone()


@app.command()
def export(
    to_file: Annotated[Path, typer.Option(help="a new file, .jsonl or .csv", dir_okay=False)],
    since: Annotated[str | None, typer.Option("--from", help="a day, or a time; this machine's zone")] = None,
    until: Annotated[str | None, typer.Option("--to", help="not in any more")] = None,
    subject: Annotated[str | None, typer.Option(help="a case's reference, a user name")] = None,
) -> None:
    """Write lines to a file for the auditor, with the reasons that can be opened. The export is itself logged."""
    wanted = read_audit.Wanted(subject=subject, since=_moment(since), until=_moment(until))
    if wanted.since and wanted.until and wanted.since >= wanted.until:
        raise typer.BadParameter("--from must be before --to")
    if to_file.suffix not in (".jsonl", ".csv"):
        raise typer.BadParameter("--to-file ends with .jsonl or .csv")
    if to_file.exists():
        raise typer.BadParameter(f"{to_file} is there already")
    out.print(f"{_go(_export(wanted, to_file))} lines in {to_file}")


async def _export(wanted: read_audit.Wanted, to_file: Path) -> int:
    engine = connect.register(beside_the_local_stack())
    limits: dict[str, Any] = {"from": lines.iso(wanted.since), "to": lines.iso(wanted.until)}
    await audit.append(engine, own_entry("audit_exported", subject=wanted.subject, change=limits))
    private, count = os.open(to_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), 0
    kind: lines.Kind = "csv" if to_file.suffix == ".csv" else "jsonl"
    with os.fdopen(private, "w", encoding="utf-8", newline="") as file:
        if kind == "csv":
            file.write(lines.row(lines.COLUMNS))
        async for line in read_audit.stream(engine, wanted):
            file.write(lines.written(line, kind))
            count += 1
    await engine.dispose()
    return count


@app.command()
def show(
    subject: Annotated[str | None, typer.Option(help="a case's reference, a user name")] = None,
    who: Annotated[str | None, typer.Option(help="a user name, process, customer")] = None,
    limit: Annotated[int, typer.Option(help="the last so many lines", min=1, max=10_000)] = 50,
) -> None:
    """The last lines, oldest first, without reasons."""
    rows = _go(_show(read_audit.Wanted(who=who, subject=subject), limit))
    table = Table("line", "at", "who", "act", "subject", "change", "from", box=None, padding=(0, 2, 0, 0))
    for row in reversed(rows):
        said = ", ".join(f"{name} {_short(value)}" for name, value in row["change"].items())
        more = (row["subject"] or "", said, row["origin"] or "")
        table.add_row(str(row["seq"]), _time(row["at"]), row["who"], row["act"], *more)
    out.print(table)


async def _show(wanted: read_audit.Wanted, limit: int) -> list[dict[str, Any]]:
    engine = connect.register(beside_the_local_stack())
    rows = await read_audit.page(engine, wanted, None, limit)
    await engine.dispose()
    return rows


def _short(value: Any) -> str:
    pair = value if isinstance(value, list) and len(value) == 2 else None
    return f"{_word(pair[0])} → {_word(pair[1])}" if pair else _word(value)


def _word(value: Any) -> str:
    return "–" if value is None else "/".join(map(str, value)) if isinstance(value, list) else str(value)


def _time(at: datetime) -> str:
    return at.astimezone().isoformat(sep=" ", timespec="seconds")
