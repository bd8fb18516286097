"""`make profile`: where worker and web spend their time under load; py-spy looks at both a hundred times a second.

Writes build/bench/profile.json and build/bench/profile-<part>.txt (folded stacks, for a flame graph).
"""

import asyncio
import shutil
import sys
from argparse import ArgumentParser, Namespace
from asyncio.subprocess import DEVNULL
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from clerks import UNLIMITED, at_work
from lives import rate
from results import OUT, Json, keep
from stack import Running, running
from watching import parts

LOOKED_AT = ("worker", "web")


def looker() -> str:
    """py-spy, which the extra `bench` brings."""
    beside = Path(sys.executable).parent / "py-spy"
    found = str(beside) if beside.exists() else shutil.which("py-spy")
    if found is None:
        raise SystemExit("py-spy is not installed: make .bench")
    return found


def tops(folded: str, most: int = 25) -> Json:
    """Samples of each function, its own and with all it calls, from folded stacks: `a;b;c 12`."""
    own, whole, all_of_them = Counter[str](), Counter[str](), 0
    for line in folded.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [_shown(frame) for frame in stack.split(";")]
        all_of_them += int(count)
        own[frames[-1]] += int(count)
        for frame in set(frames):
            whole[frame] += int(count)
    return {
        "samples": all_of_them,
        "own": {name: round(n / all_of_them, 3) for name, n in own.most_common(most)},
        "total": {name: round(n / all_of_them, 3) for name, n in whole.most_common(most * 3)},
    }


def _shown(frame: str) -> str:
    """`record (register/write.py)` of a frame that names a long path and perhaps a line."""
    name, _, where = frame.partition(" (")
    path = where.rstrip(")").split(":")[0]
    return f"{name} ({'/'.join(path.split('/')[-2:])})" if path else name


async def profiled(here: Running, wanted: Namespace) -> Json:
    """Look on while complaints are worked."""
    found: Json = {}
    async with at_work(here.port) as clerks:
        await rate(clerks.life, wanted.lanes, 3)
        looks = []
        for part in LOOKED_AT:
            pid, out = str(parts(here)[part][0].pid), str(OUT / f"profile-{part}.txt")
            options = ["--format", "raw", "--function", "--gil", "--rate", "100", "--duration", str(wanted.seconds)]
            looks.append(
                await asyncio.create_subprocess_exec(
                    looker(), "record", "--pid", pid, *options, "--output", out, stdout=DEVNULL, stderr=DEVNULL
                )
            )
        found["lives a second, while looked at"] = round((await rate(clerks.life, wanted.lanes, wanted.seconds))[0], 2)
        for part, look in zip(LOOKED_AT, looks, strict=True):
            await look.wait()
            found[part] = tops((OUT / f"profile-{part}.txt").read_text())
    return found


def main() -> int:
    """Run it and show the tables."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--lanes", type=int, default=12)
    wanted = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(prefix="amends-profile-", ignore_cleanup_errors=True) as folder,
        running(Path(folder) / "data", **UNLIMITED) as here,
    ):
        found = asyncio.run(profiled(here, wanted))
    keep("profile", found)
    for part in LOOKED_AT:
        for kind in ("own", "total"):
            print(f"\n{part}, {kind} time")
            for name, share in found[part][kind].items():
                print(f"  {share:6.1%}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
