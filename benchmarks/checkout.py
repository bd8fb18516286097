"""A version of the product in a folder of its own: taken out of git, installed from its own lock file, run as parts."""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from run.builds import PACKAGES
from run.stack import clean_environment, die_with_parent, end

ROOT = Path(__file__).parents[1]
FURNISH = """
import asyncio, os
from run import connect, demo
from run.settings import Settings
asyncio.run(demo.furnish(connect.register(Settings()), os.environ["AMENDS_DEMO_PASSWORD"], fixed=True))
"""


@dataclass
class Checkout:
    """One version: its files, the Python that runs them, and which of its parts run."""

    name: str
    folder: Path
    python: Path
    environment: dict[str, str]
    parts: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`amends` with these words, to its end."""
        return self._run("-m", "run.cli", *words)

    def furnish(self) -> None:
        """The demo staff."""
        done = self._run("-c", FURNISH)
        assert done.returncode == 0, done.stderr

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.python), *words]
        return subprocess.run(command, cwd=self.folder, env=self._env(), capture_output=True, text=True, check=False)

    def _env(self, **more: str) -> dict[str, str]:
        return clean_environment() | self.environment | more

    def start(self, part: str, log: Path, **more: str) -> None:
        """Start a worker (`worker 1`) or a web server (`web 1`) of it."""
        command = [str(self.python), "-m", "run.cli", part.split()[0]]
        with (log / f"{self.name} {part}.log").open("ab") as out:
            self.parts[part] = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self._env(**more),
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                preexec_fn=die_with_parent if sys.platform == "linux" else None,
            )

    def stop(self, part: str) -> float:
        """SIGTERM, as every deployment sends it, and wait; gives the seconds it took. It has to end by itself."""
        process, began = self.parts.pop(part), time.monotonic()
        process.terminate()
        process.wait(60)
        return time.monotonic() - began

    def stop_all(self) -> None:
        """Whatever still runs of it."""
        for process in self.parts.values():
            process.terminate()
        for process in self.parts.values():
            end(process)


def exported(revision: str, folder: Path, environment: dict[str, str]) -> Checkout:
    """That revision of this repository, with what its lock file names in a virtual environment of its own."""
    python = folder / ".venv/bin/python"
    if (folder / ".venv/bin/amends").exists():
        return Checkout("old", folder, python, environment)
    folder.mkdir()
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", revision], capture_output=True, check=True)
    subprocess.run(["tar", "x", "-C", str(folder)], input=archive.stdout, check=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder / ".venv")], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for words in (["--require-hashes", "-r", "requirements.lock"], ["--no-deps", "--no-build-isolation", "-e", "."]):
        done = subprocess.run([*pip, *words], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{revision} could not be installed: {done.stderr[-2000:]}")
    return Checkout("old", folder, python, environment)


def this(environment: dict[str, str]) -> Checkout:
    """These very files."""
    return Checkout("new", ROOT, Path(sys.executable), environment)


def broken(folder: Path, environment: dict[str, str]) -> Checkout:
    """A copy of these files whose workflow begins with a step that running cases have not taken: nobody guarded it."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "workflows/complaint.py"
    before = "    async def run(self, opening: Opening) -> Outcome:\n"
    text = file.read_text()
    start = text.index('"""\n', text.index(before) + len(before)) + len('"""\n')
    file.write_text(text[:start] + "        await workflow.sleep(1)\n" + text[start:])
    # The folder goes first on the path, so that its files are run, with the libraries that are installed here.
    return Checkout("broken", folder, Path(sys.executable), environment | {"PYTHONPATH": os.fspath(folder)})
