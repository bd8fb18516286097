"""`make fuzz`: requests made from the OpenAPI document by schemathesis, in every role's name, against a real stack.

Nothing may answer with a 5xx, or with what the document does not say. Ends with code 1 if anything does.
"""

import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from tempfile import TemporaryDirectory

from stack import running

from complaints.names import Role

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance"
)


def main(examples: int) -> int:
    """One run of schemathesis for each role."""
    program, failed = Path(sysconfig.get_path("scripts")) / "schemathesis", 0
    with TemporaryDirectory(prefix="amends-fuzz-", ignore_cleanup_errors=True) as folder:
        unhurried = {"AMENDS_REQUESTS_PER_MINUTE": "100000", "AMENDS_TOKEN_MINUTES": "120"}
        with running(Path(folder) / "data", **unhurried) as here:
            for role in Role:
                here.call(role.value, "GET", "/auth/me")
                done = subprocess.run(
                    [
                        program, "run", f"http://127.0.0.1:{here.port}/openapi.json", "--checks", CHECKS,
                        "-H", f"Authorization: Bearer {here.tokens[role.value]}", "--seed", "1",
                        "--max-examples", str(examples), "--phases", "examples,coverage,fuzzing",
                        "--request-timeout", "30", "--generation-database", "none", "--no-color",
                    ],
                    capture_output=True, text=True, cwd=folder,
                )  # fmt: skip
                counted = re.search(r"(\d+) generated.*", done.stdout) or re.search(r"Test cases:\s*\n?.*", done.stdout)
                print(f"{role}: {counted[0].strip() if counted else ''} (exit {done.returncode})", flush=True)
                if done.returncode:
                    failed += 1
                    print(done.stdout[-6000:], done.stderr[-2000:])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
