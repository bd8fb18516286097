"""`make turning`: the master key is turned while N cases (100) are open and worked on; all of them finish.

The parts are restarted with the new key beside the old one, the data keys wrapped anew while handlers accept cases, and
the parts restarted once more without the old key.
"""

import asyncio
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from canaries import Canary
from searching import audit_sound, replayed
from stack import Running, running

from run.rotating import rotate, show
from vault.master import LocalMaster

RESOLUTION = {"findings": "f", "responsibility": "r", "measures": "m", "root_cause": "c", "reply": "r"}


def opened(here: Running, number: int) -> tuple[str, str]:
    """A case and its handler."""
    case = here.call("agent", "POST", "/complaints", Canary(number, "email").form()).json()
    if not case.get("assignment"):
        path = f"/complaints/{case['reference']}/classification"
        case = here.call("agent", "POST", path, {"nature": "product", "reason": "x"}).json()
    return case["reference"], case["assignment"]["handler"]


def finished(here: Running, reference: str, handler: str) -> str:
    """Resolve it, and call back when the result is out; the stage at the end."""
    path, stage = f"/complaints/{reference}", ""
    here.call(handler, "POST", f"{path}/resolution", RESOLUTION | {"redress": {"kind": "apology"}})
    for _ in range(200):
        stage = here.call("agent", "GET", path).json()["stage"]
        if stage == "callback":
            answer = {"reached": True, "satisfaction": 5, "nps": 9}
            stage = str(here.call("agent", "POST", f"{path}/callbacks", answer).json()["stage"])
        if stage == "closed":
            break
        time.sleep(0.3)  # the letter is on its way
    return stage


def main(number: int) -> int:
    """The whole turn."""
    with TemporaryDirectory(prefix="amends-turn-", ignore_cleanup_errors=True) as folder, ThreadPoolExecutor(6) as pool:
        data = Path(folder) / "data"
        keys = data / "master_keys"
        with running(data) as here:
            cases = list(pool.map(lambda n: opened(here, n), range(number)))
            print(f"{len(cases)} cases open under {keys.read_text().split(':')[0]}")
        new = LocalMaster.new("turned")
        keys.write_text(f"{new},{keys.read_text()}")
        with running(data) as here:
            accepted = [pool.submit(here.call, who, "POST", f"/complaints/{ref}/acceptance") for ref, who in cases]
            asyncio.run(rotate(here.settings(), "command line:turning"))
            print(f"accepted meanwhile: {Counter(f.result().status_code for f in accepted)}")
            asyncio.run(show(here.settings()))
        keys.write_text(new)
        with running(data) as here:
            stages = Counter(pool.map(lambda case: finished(here, *case), cases))
            print(f"finished under the new key alone: {dict(stages)}")
            good, bad = asyncio.run(replayed(here.settings(), [reference for reference, _ in cases]))
            print(f"histories replayed: {good}, failed: {bad}")
            sound = asyncio.run(audit_sound(here.settings()))
    return 0 if stages == {"closed": number} and not bad and sound else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
