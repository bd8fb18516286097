"""How every command reads its settings and runs: a wrong setting or a part that is away is said in one line."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
import typer
from pydantic import ValidationError
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from run.logs import configure
from run.settings import MissingSetting, Settings, open_to_others

out, err = Console(), Console(stderr=True, soft_wrap=True)


def settings(read: Callable[[], Settings] = Settings) -> Settings:
    """The settings, or a plain word about the one that is wrong."""
    try:
        found = read()
    except ValidationError as error:
        for detail in error.errors():
            name = "_".join(("AMENDS", *(str(p) for p in detail["loc"][:1]))).upper()
            err.print(f"[red]{name}[/]: {detail['msg'].removeprefix('Value error, ')}", highlight=False)
        raise typer.Exit(2) from None
    except MissingSetting as missing:
        err.print(str(missing), style="red", markup=False)
        raise typer.Exit(2) from None
    configure(found.log_level)
    for name in open_to_others(found.secrets_dir):
        structlog.get_logger().warning("settings.secret_file_open", file=name, mend="chmod 600, or 400")
    return found


def go(part: Coroutine[Any, Any, None]) -> None:
    """Run it to its end, or say in a line why it could not."""
    try:
        asyncio.run(part)
    except typer.Exit:  # a RuntimeError, by its class; its code is the command's answer
        raise
    except MissingSetting as missing:
        err.print(str(missing), style="red", markup=False)
        raise typer.Exit(2) from None
    except SQLAlchemyError as error:  # its own words would show what was asked, and with what
        err.print(f"the register does not answer ({type(error).__name__})", style="red", markup=False)
        raise typer.Exit(1) from None
    except (OSError, RuntimeError) as error:
        err.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
