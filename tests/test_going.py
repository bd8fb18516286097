"""How a command that asks other parts ends: its own exit code, or a line that says what is away."""

import pytest
import typer
from sqlalchemy.exc import OperationalError

from run.going import go
from run.settings import MissingSetting


@pytest.mark.parametrize(
    ("ended_by", "code", "said"),
    [
        (typer.Exit(2), 2, ""),
        (MissingSetting("AMENDS_DATABASE_URL is not set"), 2, "AMENDS_DATABASE_URL is not set\n"),
        (RuntimeError("Temporal does not answer"), 1, "Temporal does not answer\n"),
        (ConnectionRefusedError("refused"), 1, "refused\n"),
        (
            OperationalError("SELECT name FROM complaint", {}, Exception("张三")),
            1,
            "the register does not answer (OperationalError)\n",
        ),
    ],
)
def test_it_ends_with_its_code_and_one_line(
    ended_by: Exception, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def part() -> None:
        raise ended_by

    with pytest.raises(typer.Exit) as ended:
        go(part())
    assert (ended.value.exit_code, capsys.readouterr().err) == (code, said)
