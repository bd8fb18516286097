"""The command line: `amends --help` teaches it."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from policies.files import BrokenPolicy
from policies.load import check
from policies.names import DEFAULT_JURISDICTION
from run import privacy_commands, upgrade_commands
from run.auditing import app as audit_app
from run.going import err, go, out, settings
from run.logs import configure
from run.settings import MissingSetting, beside_the_local_stack
from run.staff import app as staff_app

app = typer.Typer(
    name="amends",
    help="Amends: a durable complaint-handling process. Start with `amends run`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
policy_app = typer.Typer(help="The rules: check them, and ask what they say.", no_args_is_help=True)
app.add_typer(policy_app, name="policy")
app.add_typer(staff_app, name="staff")
app.add_typer(audit_app, name="audit")
privacy_commands.add_to(app)
upgrade_commands.add_to(app)


class Language(StrEnum):
    """The languages the product speaks."""

    zh = "zh-CN"
    en = "en"


def _sound_rules() -> None:
    """Refuse to start on broken rules: file, line and mend."""
    problems = check(datetime.now(UTC).date())
    for problem in problems:
        err.print(f"[red]error[/] {problem}" if problem.fatal else f"[yellow]warning[/] {problem}", highlight=False)
    # A calendar that ends soon is for `policy check` to fail on; it must not keep a desk from starting.
    if any(p.fatal and "known_through" not in p.message for p in problems):
        raise typer.Exit(1)


@app.command()
def run(
    demo: Annotated[
        bool, typer.Option("--demo", help="a living office: complaints arrive, demo staff work them")
    ] = False,
    pace: Annotated[float, typer.Option(help="with --demo: complaints a minute", min=0.1, max=120)] = 12,
) -> None:
    """Start everything on this machine: PostgreSQL, Temporal, worker, API, mailbox. Ctrl-C stops it."""
    from run import stack

    found = settings()
    _sound_rules()
    try:
        stack.run(found, pace if demo else None)
    except stack.CannotRun as reason:
        err.print(f"[red]{reason}[/]")
        raise typer.Exit(1) from None


@app.command()
def worker() -> None:
    """Run a worker against AMENDS_DATABASE_URL and AMENDS_TEMPORAL_ADDRESS."""
    from run import worker as part

    found = settings()
    _sound_rules()
    go(part.serve(found))


@app.command()
def web() -> None:
    """Serve the API on AMENDS_HOST and AMENDS_API_PORT."""
    from run import web as part

    found = settings()
    _sound_rules()
    go(part.serve(found))


@app.command()
def migrate() -> None:
    """Bring the register's tables to the version of this code, as their owner (AMENDS_OWNER_URL)."""
    from sqlalchemy.exc import OperationalError, ProgrammingError

    from register.migrate import CannotMigrate
    from register.migrate import migrate as upgrade
    from run import connect
    from run.settings import needed_secret

    found = settings()
    try:
        url = needed_secret(found.owner_url or found.database_url, "database_url")
        out.print(f"register is at {upgrade(url, connect.master(found))}")
    except MissingSetting as missing:
        err.print(str(missing), style="red", markup=False)
        raise typer.Exit(2) from None
    except OperationalError as away:
        err.print(f"the database does not answer: {away.orig}", style="red", markup=False)
        raise typer.Exit(1) from None
    except ProgrammingError as refused:
        hint = "migrate as the tables' owner, by AMENDS_OWNER_URL"
        err.print(f"the database refuses it: {refused.orig}; {hint}", style="red", markup=False)
        raise typer.Exit(1) from None
    except CannotMigrate as reason:
        err.print(str(reason), style="red", markup=False)
        raise typer.Exit(1) from None


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="the CSV file", exists=True, dir_okay=False)],
    format: Annotated[str, typer.Option(help="its format: cfpb")] = "cfpb",
    limit: Annotated[int | None, typer.Option(help="at most so many rows", min=1)] = None,
    received: Annotated[str, typer.Option(help="now: live load; as-is: a backlog with its true dates")] = "now",
    agent: Annotated[str, typer.Option(help="the agent in whose name cases are opened")] = "agent",
    per_second: Annotated[float, typer.Option(help="at most so many a second", min=1, max=1000)] = 20,
) -> None:
    """Open a case for each row of a file. Run again, it goes on where it stopped and opens nothing twice."""
    from run import importing

    if format != "cfpb" or received not in ("now", "as-is"):
        err.print("[red]--format is cfpb; --received is now or as-is[/]")
        raise typer.Exit(2)
    found = settings(beside_the_local_stack)
    go(importing.import_file(found, file, limit=limit, as_is=received == "as-is", agent=agent, per_second=per_second))


@app.command()
def seed(
    complaints: Annotated[int | None, typer.Option(help="how many", min=1, max=5_000_000)] = None,
    days: Annotated[int, typer.Option(help="spread over so many days up to now", min=30, max=3650)] = 1095,
    seed: Annotated[int, typer.Option(help="another number draws another history")] = 1,
    remove: Annotated[bool, typer.Option("--remove", help="take every seeded complaint out again")] = False,
    sure: Annotated[
        bool, typer.Option("--yes-this-is-no-production", help="also where not everybody is demo staff")
    ] = False,
) -> None:
    """Write a made-up history straight into a demo register, for boards and benchmarks; opened by `seed`.

    No process runs for these cases. Batches of 1000 are written whole; a run that was stopped can be removed.
    """
    from run.seed import command

    if (complaints is None) is not remove:
        err.print("[red]say either --complaints N or --remove[/]")
        raise typer.Exit(2)
    go(command.told(settings(beside_the_local_stack), complaints, days, seed, sure=sure))


@app.command()
def retry(reference: str) -> None:
    """Try again to start the process of a kept complaint that was set aside."""
    from run import retrying

    go(retrying.retry(settings(beside_the_local_stack), reference))


@app.command()
def reconcile(
    mend: Annotated[bool, typer.Option("--mend", help="mend what is safe to mend; each goes into the log")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="say it as JSON")] = False,
) -> None:
    """Compare the register with Temporal: every open case, and what was closed in the last two hours.

    Exit code 0: no differences, or all mended; 1: differences; 2: it could not be compared.
    """
    from run import reconciling

    reconciling.command(settings(beside_the_local_stack), mend=mend, as_json=as_json)


@app.command()
def show(reference: str) -> None:
    """One case: where it stands, who holds it, what is due."""
    from run import showing

    go(showing.show(settings(beside_the_local_stack), reference))


@app.command()
def timeline(reference: str, language: Annotated[Language, typer.Option()] = Language.zh) -> None:
    """The history of a case as people read it."""
    from run import showing

    go(showing.timeline(settings(beside_the_local_stack), reference, language.value))


@app.command()
def drill(
    scripts: Annotated[list[Path] | None, typer.Argument(help="scripts (YAML); docs/drills.md says how")] = None,
    all_: Annotated[bool, typer.Option("--all", help="every script that comes with Amends")] = False,
    reports: Annotated[Path, typer.Option(help="where the reports go", file_okay=False)] = Path("var/drills"),
) -> None:
    """Rehearse scripted complaints on a fast clock: the real process, servers of its own, a report at the end.

    Exit code 0: all went as scripted; 1: it did not; 2: a script is at fault.
    """
    from run.drill import command
    from run.drill.load import shipped

    if bool(scripts) == all_:
        err.print("[red]name a script, or say --all[/]")
        raise typer.Exit(2)
    configure("error")
    raise typer.Exit(command.run(shipped() if all_ else scripts or [], reports, err))


@policy_app.command("check")
def policy_check(
    at: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="as of that day")] = None,
) -> None:
    """Read every policy file; say what is wrong, where, and how to mend it."""
    problems = check((at or datetime.now(UTC)).date())
    for problem in problems:
        err.print(f"[red]error[/] {problem}" if problem.fatal else f"[yellow]warning[/] {problem}", highlight=False)
    if any(p.fatal for p in problems):
        raise typer.Exit(1)
    out.print("all rules are sound")


@policy_app.command("explain")
def policy_explain(
    at: Annotated[str, typer.Option(help="the moment of receipt, such as 2026-09-30T10:00+08:00, or a day")],
    text: Annotated[str | None, typer.Option(help="a complaint's text: say how it is classified and routed")] = None,
    jurisdiction: Annotated[str, typer.Option(help="whose rules")] = DEFAULT_JURISDICTION,
) -> None:
    """Say what the rules make of a complaint received at that moment: every clock with the days it counted."""
    from policies.explain import explain

    try:
        moment = datetime.fromisoformat(at)
        for block in explain(jurisdiction, moment, text):
            table = Table(title=block.title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
            for row in block.rows:
                table.add_row(*row)
            out.print(table)
            out.print()
    except (ValueError, BrokenPolicy) as error:
        err.print(f"[red]{error}[/]", highlight=False)
        raise typer.Exit(2) from None


@policy_app.command("access")
def policy_access() -> None:
    """Write who may do what as a page in Markdown: amends policy access > docs/access.md."""
    from policies.access import access
    from policies.access_page import page

    try:
        typer.echo(page(access()), nl=False)
    except BrokenPolicy as broken:
        err.print(f"[red]{broken}[/]", highlight=False)
        raise typer.Exit(1) from None


@policy_app.command("reproject")
def policy_reproject(
    why: Annotated[str, typer.Option(help="kept in every case's history")],
    by: Annotated[str, typer.Option(help="who decided it")],
    to: Annotated[str | None, typer.Option(help="a version, such as cn-2026-11-20; else only the calendar")] = None,
    only: Annotated[str | None, typer.Option(help="only cases held to this version")] = None,
    jurisdiction: Annotated[str, typer.Option(help="whose cases")] = DEFAULT_JURISDICTION,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say how many cases it concerns")] = False,
) -> None:
    """Count the running clocks of open cases anew: under today's calendar, or under another version of the rules.

    A case keeps the rules it was opened under unless this is run. Superseded ends are kept with the reason, those
    concerned are told, what is broken stays broken, and no deadline is moved into the past.
    """
    from run import reprojecting

    found = settings(beside_the_local_stack)
    go(reprojecting.reproject(found, jurisdiction, only, to, why, by, dry=dry_run))


if __name__ == "__main__":
    app()
