"""`make canary`: complaints full of markers go through their whole life; then everything is searched for the markers.

N complaints (200), a quarter of which are erased at the end. Each has two markers of its own: one in every field that
says who complains, one in every text. On the disk neither may be found; in answers the first only where it was asked
to be shown. Ends with code 1 if anything is found where it should not be.
"""

import asyncio
import base64
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from searching import audit_sound, decoded_by_ops, openable, replayed
from sqlalchemy import make_url
from stack import Json, Running, running

from run.erasing import erase

WHO, WORDS = "KanarieWer", "KanarieWort"
KINDS = ("email", "letter", "telephone", "online", "refused", "late", "major", "anonymous")
AT_ONCE = 6


@dataclass
class Canary:
    """One complaint of the run."""

    number: int
    kind: str
    reference: str = ""
    stage: str = ""

    @property
    def who(self) -> str:
        """What stands in every field about the complainant."""
        return f"{WHO}{self.number:04d}"

    @property
    def phone(self) -> str:
        """A telephone number nobody else has."""
        return f"1390007{self.number:04d}"

    @property
    def words(self) -> str:
        """What stands in every text."""
        return f"{WORDS}{self.number:04d}"

    def form(self) -> Json:
        """The registration form, with a marker in each field that takes text."""
        channel = {"refused": "email", "late": "letter", "major": "email", "anonymous": "box"}.get(self.kind, self.kind)
        mail = f"{'refused' if self.kind == 'refused' else ''}{self.who}@example.com"
        person = {
            "name": self.who, "phone": self.phone, "email": mail, "address": f"{self.who} 路 1 号",
            "customer_number": self.who, "age": 44,
        }  # fmt: skip
        received = datetime.now(UTC) - timedelta(days=20 if self.kind == "late" else 0)
        return {
            "channel": channel,
            "received_at": received.isoformat(),
            "complainant": None if self.kind == "anonymous" else person,
            "about": {"person": self.words},
            "matter": f"信用卡年费被重复扣收，要求退回多收的300元年费。{self.words} {self.phone}",
            "reason": self.words,
            "demand": f"退还年费 {self.words}",
            "product": "credit_card",
            "amount": {"value": "900000.00" if self.kind == "major" else "300.00", "currency": "CNY"},
            "attachments": [f"{self.words}.pdf"],
        }


def live(here: Running, canary: Canary) -> None:
    """The life of one complaint, with refusals on the way."""
    mark = canary.words
    here.call("agent", "POST", "/complaints", {"matter": canary.words, "complainant": {"name": canary.who}})  # refused
    case = here.call("agent", "POST", "/complaints", canary.form()).json()
    canary.reference = reference = case["reference"]
    path = f"/complaints/{reference}"
    if not case.get("assignment"):
        case = here.call("agent", "POST", f"{path}/classification", {"nature": "product", "reason": mark}).json()
    handler = case["assignment"]["handler"]
    if canary.kind == "major":
        here.call("manager", "POST", f"/incidents/{reference}-M1/acknowledgement", {"leader": "manager"})
        here.call("manager", "POST", f"/incidents/{reference}-M1/log", {"text": mark})
    here.call(handler, "POST", f"{path}/acceptance")
    name = "" if canary.kind == "anonymous" else canary.who  # nobody can mask a name that nobody has given
    here.call("agent", "POST", f"{path}/notes", {"text": f"{mark} {name}"})
    here.call(handler, "POST", f"{path}/pause", {"question": mark, "reason": mark, "days": 1})
    here.call("agent", "POST", f"{path}/resume", {"answer": mark, "reason": mark})
    here.call("auditor", "POST", f"{path}/notes", {"text": mark})  # refused
    if canary.number % 4 == 3:
        canary.stage = "open"
        return
    found = {"findings": mark, "responsibility": mark, "measures": mark, "root_cause": mark, "reply": mark}
    here.call(handler, "POST", f"{path}/resolution", found | {"redress": {"kind": "apology"}})
    for approval in here.call("agent", "GET", path).json()["approvals"]:
        decision = {"decision": "approve", "reason": mark}
        here.call("head.office", "POST", f"/approvals/{approval['id']}/decision", decision)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        case = here.call("agent", "GET", path).json()
        if case["stage"] in ("callback", "closed"):
            break
        if case["stage"] == "feedback":
            here.call("agent", "POST", f"{path}/feedback", {"way": "spoken", "answer": mark})
        time.sleep(0.3)  # letters are on their way; this is a person who looks again
    if case["stage"] == "callback":
        answer = {"reached": True, "satisfaction": 5, "nps": 9, "words": mark}
        case = here.call("agent", "POST", f"{path}/callbacks", answer).json()
    if canary.kind == "major":
        here.call("manager", "POST", f"/incidents/{reference}-M1/report", {"text": mark})
    for part in ("", "/timeline", "/letters", "/duplicates"):
        here.call("manager", "GET", f"{path}{part}")
    canary.stage = case["stage"]


def forms_of(marker: str) -> list[bytes]:
    """A marker as it may stand in a file: plain, as UTF-16, and in base64 from each of three places."""
    plain = marker.encode()
    coded = [base64.b64encode(b"x" * n + plain)[4 if n else 0 : -4] for n in range(3)]
    return [plain, marker.encode("utf-16-le"), *coded]


def on_disk(data: Path) -> Counter[str]:
    """In which files any marker can be found."""
    wanted, found = [form for m in (WHO, WORDS, "1390007") for form in forms_of(m)], Counter[str]()
    for path in data.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            found[path.relative_to(data).as_posix()] += sum(content.count(form) for form in wanted)
    return +found


def checkpoint(here: Running) -> None:
    """Let PostgreSQL write what it holds to its files."""
    found = here.settings().database_url
    assert found is not None
    url = make_url(found.get_secret_value()).set(username="postgres", drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as server:
        server.execute("CHECKPOINT")


def searched(here: Running, what: str) -> int:
    """Say where markers are; how many there are where none may be."""
    checkpoint(here)
    found, metrics = on_disk(here.data), here.http.get("/metrics").text
    files = sum(1 for p in here.data.rglob("*") if p.is_file())
    size = sum(p.stat().st_size for p in here.data.rglob("*") if p.is_file()) // 2**20
    shown = [a for a in here.answers if WHO in a or "1390007" in a]
    for answer in shown[:3]:
        place = max(answer.find(WHO), answer.find("1390007"))
        print(f"  … {answer[max(place - 80, 0) : place + 40]}")
    contact = len(shown)
    print(f"{what}: {files} files, {size} MiB (register, histories, logs, mail, prints): {dict(found) or 'no marker'}")
    print(f"{what}: {len(here.answers)} HTTP answers, {contact} with contact data; metrics: {metrics.count('Kanarie')}")
    return sum(found.values()) + contact + metrics.count("Kanarie")


async def after(here: Running, kept: list[Canary], erased: list[Canary]) -> int:
    """Erase some, and try to read all."""
    wrong, settings = 0, here.settings()
    for canary in erased:
        await erase(settings, canary.reference, f"erasure of {canary.words}", "command line:canaries")
    for name, canaries, wanted in (("kept", kept, True), ("erased", erased, False)):
        read: Counter[str] = Counter()
        for canary in canaries:
            asked = here.call(
                "manager", "POST", f"/complaints/{canary.reference}/disclosures", {"purpose": "handle_case"}
            )
            here.answers.pop()
            read["API"] += canary.words in asked.text
            read["register"] += await openable(settings, canary.reference)
            read["codec server"] += decoded_by_ops(here, settings, canary.reference, canary.words)
        print(f"{name}: {len(canaries)}; readable: {dict(read)}")
        wrong += sum(n != len(canaries) * wanted for n in read.values())
    good, bad = await replayed(settings, [c.reference for c in kept if c.stage == "open"])
    print(f"histories of open cases replayed: {good}, failed: {bad}")
    return wrong + bad + (not await audit_sound(settings))


def main(number: int) -> int:
    """The whole run."""
    began, canaries = time.monotonic(), [Canary(n, KINDS[n % len(KINDS)]) for n in range(number)]
    with TemporaryDirectory(prefix="amends-canary-", ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "data"
        with running(data) as here:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(lambda canary: live(here, canary), canaries))
            print(f"lived: {dict(Counter(c.stage for c in canaries))} in {time.monotonic() - began:.0f} s")
            (data / "planted").write_text(canaries[0].who)
            assert on_disk(data) == {"planted": 1}, f"the search finds what is there: {on_disk(data)}"
            (data / "planted").unlink()
            wrong = searched(here, "after their life")
            closed = [c for c in canaries if c.stage == "closed" and c.kind != "major"][: number // 4]
            wrong += asyncio.run(after(here, [c for c in canaries if c not in closed], closed))
            wrong += searched(here, "after erasing")
        found = on_disk(data)
        print(f"after stopping: {dict(found) or 'no marker'}; {time.monotonic() - began:.0f} s in all")
    return 1 if wrong or found else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
