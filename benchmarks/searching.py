"""Tries to read a case by every way there is: its key, the CLI with the codec server, a replay; checks the log."""

import subprocess

from stack import Running
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from register import audit_check
from register.sealing import boxes_of
from run import connect
from run.settings import Settings
from run.stack import clean_environment, temporal_binary
from workflows.complaint import Complaint


async def openable(settings: Settings, reference: str) -> bool:
    """Whether the register still has the key of that case."""
    engine = connect.register(settings)
    async with engine.connect() as db:
        found = await boxes_of(db, [reference])
    await engine.dispose()
    return bool(found)


def decoded_by_ops(here: Running, settings: Settings, reference: str, words: str, user: str = "ops") -> bool:
    """Whether `temporal workflow show` with the codec server shows the words of that case to that person."""
    here.call(user, "GET", "/auth/me")
    assert settings.temporal_address is not None
    asked = [
        temporal_binary(), "workflow", "show", "-w", reference, "--detailed",
        "--address", settings.temporal_address,
        "--codec-endpoint", f"http://127.0.0.1:{here.port}/codec",
        "--codec-auth", f"Bearer {here.tokens[user]}",
    ]  # fmt: skip
    for _ in range(3):  # the CLI waits ten seconds for an answer: on a machine at work one may come later
        done = subprocess.run(asked, env=clean_environment(), capture_output=True, text=True, timeout=120)
        if done.returncode == 0:
            return words in done.stdout
    raise RuntimeError(f"{reference}: the CLI ended with {done.returncode}: {done.stderr.strip()[-200:]}")


async def replayed(settings: Settings, references: list[str]) -> tuple[int, int]:
    """How many of these histories replay under this code, and how many do not."""
    engine = connect.register(settings)
    client = await connect.temporal(settings, engine)
    replayer = Replayer(
        workflows=[Complaint], data_converter=client.data_converter, workflow_runner=UnsandboxedWorkflowRunner()
    )
    good = bad = 0
    for reference in references:
        history = await client.get_workflow_handle(reference).fetch_history()
        done = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        good, bad = good + (done.replay_failure is None), bad + (done.replay_failure is not None)
    await engine.dispose()
    return good, bad


async def audit_sound(settings: Settings) -> bool:
    """Whether the audit log is as it was written."""
    engine = connect.register(settings)
    report = await audit_check.verify(engine)
    await engine.dispose()
    print(f"audit log: {report.lines} lines, {report.fault or 'as it was written'}")
    return report.fault is None
