"""`amends show` and `amends timeline`: a case from the register, as people read it."""

from datetime import datetime

from rich.console import Console
from rich.table import Table

from api.view import case_json, event_json, mask_of
from register import read
from run import connect
from run.settings import Settings
from vault.box import KeyDestroyed

out = Console()


class NoSuchCase(RuntimeError):
    """The register has no case of that reference."""


def _at(text: object) -> str:
    if isinstance(text, datetime):
        return text.astimezone().isoformat(sep=" ", timespec="seconds")
    return str(text or "")


async def show(settings: Settings, reference: str) -> None:
    """Print the case without the complainant's data."""
    engine = connect.register(settings)
    try:
        state = await read.case_state(engine, reference)
    except KeyDestroyed as erased:
        raise NoSuchCase(f"{erased}: figures are left of it, and the audit log") from None
    finally:
        await engine.dispose()
    if state is None:
        raise NoSuchCase(f"no complaint {reference} in the register")
    case = case_json(state)
    found, held = case["classification"] or {}, case["assignment"] or {}
    facts = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    facts.add_row("case", f"{reference} · {case['stage']}" + (f" · {case['outcome']}" if case["outcome"] else ""))
    facts.add_row("received", f"{case['received_at']} by {case['channel']}")
    if found:
        kinds = ", ".join(found["kinds"]) or "no special kind"
        facts.add_row("kind", f"{found['nature']}, {found['urgency']}, {kinds}; confidence {found['confidence']:.2f}")
    facts.add_row("held by", f"{held.get('handler') or 'queue'} in {held['department']}" if held else "nobody yet")
    facts.add_row("possible now", ", ".join(case["possible"]) or "nothing: it is closed")
    out.print(facts)
    clocks = Table("clock", "due", "state", "late by", "rule")
    for clock in case["clocks"]:
        late = f"{clock['lateness_seconds']} s" if clock["lateness_seconds"] else ""
        clocks.add_row(clock["name"], _at(clock["due_at"]), clock["state"], late, clock["rule"])
    out.print(clocks)


async def timeline(settings: Settings, reference: str, language: str) -> None:
    """Print what happened, oldest first."""
    engine = connect.register(settings)
    events, mask = await read.events(engine, reference), mask_of((await read.forms(engine, [reference])).get(reference))
    await engine.dispose()
    if not events:
        raise NoSuchCase(f"no complaint {reference} in the register")
    table = Table("", "at", "what", "by", "more", box=None, padding=(0, 2, 0, 0))
    for event in (event_json(found, mask) for found in events):
        more = ", ".join(f"{k} {_short(v)}" for k, v in event["data"].items() if v not in (None, [], ""))
        when = event["at"].astimezone().strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(str(event["seq"]), when, event["text"][language], event["by"], more)
    out.print(table)


def _short(value: object) -> str:
    return "/".join(map(str, value)) if isinstance(value, list) else str(value)
