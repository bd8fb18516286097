"""`amends drill`: plays scripts on one set of servers, shows how far they are, writes their reports."""

import asyncio
import signal
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from policies.files import Problem
from run.drill.gathering import gather
from run.drill.load import Drill, ScriptFault, load
from run.drill.pages import write
from run.drill.play import Step, Tell, play
from run.drill.report import Report, report, said, span
from run.drill.rooms import Rooms, rooms

AT_ONCE = 3
"""Scripts played together: what one waits for, another uses; more only crowd two processors."""
ALL_WELL, NOT_AS_SCRIPTED, AT_FAULT, STOPPED = 0, 1, 2, 130


class Show:
    """How far each drill is: a bar of its moves, the office's time, and the last thing that happened."""

    def __init__(self, console: Console) -> None:
        columns = ("[bold]{task.description}", "{task.fields[now]}", "{task.fields[last]}")
        name, now, last = (TextColumn(column) for column in columns)
        self.console = console
        shown = (name, BarColumn(bar_width=20), now, last, TimeElapsedColumn())
        self.progress = Progress(*shown, console=console, disable=not console.is_terminal)

    def begin(self, drill: Drill) -> TaskID:
        """A row for that drill."""
        begin = f"{drill.script.begin:%Y-%m-%d %H:%M}"
        return self.progress.add_task(drill.script.name, total=len(drill.times) + 1, now=begin, last="")

    def tell(self, row: TaskID, now: datetime, step: Step | None) -> None:
        """The drill has come to that time, or made that move."""
        self.progress.update(row, now=f"{now:%Y-%m-%d %H:%M}")
        if step is not None:
            who = f"{step.user} " if step.user else ""
            happened = "" if step.happened == step.expected else f": [red]{step.happened}[/]"
            self.progress.update(row, advance=1, last=f"{who}{said(step)[1]}{happened}")

    def end(self, row: TaskID, found: Report) -> None:
        """The drill is over: how it went, and what was otherwise."""
        kept, broken = found.clocks_kept
        how = "[green]as scripted[/]" if found.ok else "[red]not as scripted[/]"
        last = f"{how}; {span(found.covered)}, {kept} limits kept, {broken} broken"
        self.progress.update(row, completed=len(found.moves) + 1, last=last)
        if not self.console.is_terminal:
            self.console.print(f"{found.name}: {last}", highlight=False)
        for line in found.otherwise:
            self.console.print(f"  {found.name}: {line}", style="red", highlight=False, markup=False)


def read(paths: list[Path]) -> list[Drill]:
    """The scripts in these files; raises ScriptFault with everything that is wrong with any of them."""
    drills, problems = list[Drill](), list[Problem]()
    for path in paths:
        try:
            drills.append(load(path))
        except ScriptFault as fault:
            problems += fault.problems
    if problems:
        raise ScriptFault(problems)
    return drills


def run(paths: list[Path], reports: Path, console: Console) -> int:
    """Play them all; gives the exit code."""
    try:
        drills = read(paths)
    except ScriptFault as fault:
        for problem in fault.problems:
            console.print(f"error {problem}", style="red", highlight=False, markup=False)
        return AT_FAULT
    began = time.monotonic()
    try:
        found = asyncio.run(_stoppable(drills, reports, console))
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("stopped; nothing is left running")
        return STOPPED
    except (OSError, RuntimeError, TimeoutError) as error:  # a server that does not start
        console.print(f"{type(error).__name__}: {error}", style="red", highlight=False, markup=False)
        return NOT_AS_SCRIPTED
    well = sum(one.ok for one in found)
    console.print(f"{well} of {len(found)} as scripted, in {time.monotonic() - began:.0f} s; reports in {reports}")
    return ALL_WELL if well == len(found) else NOT_AS_SCRIPTED


async def _stoppable(drills: list[Drill], reports: Path, console: Console) -> list[Report]:
    """SIGTERM ends it as Ctrl-C does: everything that was started is stopped."""
    task = asyncio.current_task()
    if task is not None and sys.platform != "win32":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await play_all(drills, reports, console)


async def play_all(drills: list[Drill], reports: Path, console: Console) -> list[Report]:
    """Play the drills, some at a time, on one set of servers."""
    show = Show(console)
    console.print(f"{len(drills)} to play: {', '.join(drill.script.name for drill in drills)}", highlight=False)
    with show.progress:
        starting = show.progress.add_task("servers", total=None, now="", last="PostgreSQL, Temporal, mail")
        async with rooms(len(drills)) as house, asyncio.TaskGroup() as group:
            show.progress.remove_task(starting)
            turn = asyncio.Semaphore(AT_ONCE)
            tasks = [group.create_task(_in_turn(turn, drill, house, reports, show)) for drill in drills]
    return [task.result() for task in tasks]


async def _in_turn(turn: asyncio.Semaphore, drill: Drill, house: Rooms, reports: Path, show: Show) -> Report:
    async with turn:
        row = show.begin(drill)
        found = await play_one(drill, house, reports, lambda now, step: show.tell(row, now, step))
        show.end(row, found)
        return found


async def play_one(drill: Drill, house: Rooms, reports: Path, tell: Tell) -> Report:
    """Play one drill in a room of its own, and write its report."""
    began, played_at = time.monotonic(), datetime.now(UTC)
    async with house.room() as room, AsyncExitStack() as offices:
        played = await play(drill, room, offices, tell)
        happened = await gather(played)
    found = report(played, happened, played_at, time.monotonic() - began)
    await asyncio.to_thread(write, found, drill, reports)
    return found
