"""`amends print`: opens the letters that wait in the print queue, for the print room."""

from pathlib import Path

from rich.console import Console

from activities.channels import PRINTED, SEALED
from complaints.names import case_of
from register import audit
from register.sealing import boxes_of, print_place
from run import connect
from run.settings import Settings

out = Console()


async def release(settings: Settings, to: Path, by: str) -> None:
    """Write each waiting letter to the folder as a PDF, and take it out of the queue; each is in the audit log.

    An empty file stays in its place: who sends a letter again for not knowing that it was sent finds it there.
    """
    if settings.print_queue is None:
        raise RuntimeError("AMENDS_PRINT_QUEUE names no folder")
    engine, erased, before = connect.register(settings), 0, 0
    waiting = _waiting(settings.print_queue, to)
    async with engine.connect() as db:
        boxes = await boxes_of(db, [case_of(key) for key in waiting])
    for key, path in waiting.items():
        if (box := boxes.get(case_of(key))) is None:
            erased += 1
        elif (printed := settings.print_queue / f"{key}{PRINTED}").exists():
            before += 1
        else:
            pdf = box.open(path.read_bytes(), print_place(key))
            entry = audit.Entry(who=by, act="printed", subject=case_of(key), origin="command line")
            await audit.append(engine, entry)
            (to / f"{key}.pdf").write_bytes(pdf)
            printed.touch()
        path.unlink()
    await engine.dispose()
    gone = f"; {erased} of erased cases were removed" if erased else ""
    again = f"; {before} printed before were removed" if before else ""
    out.print(f"{len(waiting) - erased - before} letters in {to}{gone}{again}")


def _waiting(queue: Path, to: Path) -> dict[str, Path]:
    to.mkdir(parents=True, exist_ok=True)
    return {path.name.removesuffix(SEALED): path for path in sorted(queue.glob(f"*{SEALED}"))}
