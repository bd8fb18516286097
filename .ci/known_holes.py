"""Asks about known holes in every part of a lock file, and says how many parts it got an answer about.

pip-audit calls it "no known vulnerabilities" when the service knew none of the parts: behind a mirror that hands out
packages only, that is every one of them. Holes fail; parts nobody answered about are said loudly and do not.
"""

import json
import subprocess
import sys
from pathlib import Path


def main(lock: str) -> int:
    """0 unless a part has a known hole."""
    program = Path(sys.executable).parent / "pip-audit"
    options = ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    done = subprocess.run([program, "--requirement", lock, *options], capture_output=True, text=True, check=False)
    try:
        parts = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = done.stderr.strip().splitlines()[-1:] or ["no answer"]
        print(f"NOT AUDITED: the vulnerability service was not reached ({last[0].partition(':')[0]})", file=sys.stderr)
        return 0
    unanswered = [part["name"] for part in parts if "vulns" not in part]
    holes = [(part, hole) for part in parts for hole in part.get("vulns", [])]
    for part, hole in holes:
        print(f"{part['name']} {part['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or '-'}")
    if unanswered:
        print(f"NOT AUDITED: {len(unanswered)} of {len(parts)} parts: the service does not know them", file=sys.stderr)
    print(f"{len(parts) - len(unanswered)} of {len(parts)} parts looked up, {len(holes)} known holes")
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
