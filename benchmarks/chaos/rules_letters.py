"""Each letter is in the world outside once, at most once where nobody can know, and says the dates of its case."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from benchmarks.chaos.seen import Case, Finding, Seen, moment

OUTSIDE = {"email": "email", "sms": "sms"}
DATED = ("acknowledgement", "progress", "apology", "transfer_notice", "second_round")
"""Letters that tell the date of the answer."""
BANK = ZoneInfo("Asia/Shanghai")


def sent_once(seen: Seen) -> Iterator[Finding]:
    """What is noted as sent was taken, once; nothing was taken twice; nothing waits for ever."""
    taken = Counter((m.kind, m.key) for m in seen.mail if m.key)
    for (kind, key), times in taken.items():
        if times > 1:
            yield Finding("doubled", "one letter, taken twice", key, f"{times} times by {kind}")
    for case in seen.cases.values():
        for letter in case.letters:
            key, way = letter["message_id"], letter["way"]
            there = key in seen.prints if way == "post" else taken[OUTSIDE.get(way, way), key] > 0
            if letter["state"] == "sent" and not there:
                yield Finding("lost", "letter noted as sent, never taken", key, f"{letter['kind']} by {way}")
            if letter["state"] in ("ready", "handing_over"):
                yield Finding("late", "letter still waits", key, f"{letter['kind']}: {letter['state']}")
            if letter["state"] == "failed" and there:
                yield Finding("wrong", "letter noted as failed, and taken", key, f"{letter['kind']} by {way}")
    known = {letter["message_id"] for case in seen.cases.values() for letter in case.letters}
    known |= {digest["id"] for digest in seen.digests}
    for kind, key in taken:
        if key not in known:
            yield Finding("wrong", "a letter nobody keeps", key, f"by {kind}")


def digests(seen: Seen) -> Iterator[Finding]:
    """What staff are told is taken once by each way, or noted as failed or uncertain."""
    taken = {(m.kind, m.key) for m in seen.mail}
    for digest in seen.digests:
        for column, kind in (("mail", "email"), ("webhook", "staff")):
            if digest[column] == "sent" and (kind, digest["id"]) not in taken:
                yield Finding("lost", "digest noted as sent, never taken", digest["id"], column)
        if digest["done_at"] is None:
            yield Finding("late", "digest still waits", digest["id"], f"{digest['mail']}, {digest['webhook']}")


def one_for_each_occasion(seen: Seen) -> Iterator[Finding]:
    """One acknowledgement a case, one result a round, one apology a round; and who can be told is acknowledged."""
    for case in seen.cases.values():
        ordered = [letter["kind"] for letter in case.state["letters"]]
        rounds = 1 + sum(e["kind"] in ("round_begun", "reopened") for e in case.events)
        for kind, most in (("acknowledgement", 1), ("result", rounds), ("apology", rounds)):
            if ordered.count(kind) > most:
                yield Finding("doubled", "one occasion, two letters", case.reference, f"{ordered.count(kind)} {kind}")
        person = case.state["form"]["complainant"]
        told = person and any(person.get(way) for way in ("email", "phone", "address"))
        if told and case.state["assignments"] and "acknowledgement" not in ordered:
            yield Finding("lost", "nobody was told that it came", case.reference, "no acknowledgement was ordered")
        kept = {letter["number"]: letter["kind"] for letter in case.letters}
        for letter in case.state["letters"]:
            if letter.get("state") in ("sent", "uncertain") and kept.get(letter["number"]) != letter["kind"]:
                yield Finding(
                    "lost", "letter ordered, not kept", case.reference, f"{letter['number']} {letter['kind']}"
                )


def dates(seen: Seen) -> Iterator[Finding]:
    """The date of the answer that a letter tells is one that the case's resolution has, or had then."""
    by_key = {m.key: m for m in seen.mail if m.key}
    for case in seen.cases.values():
        ends = _ends(case)
        for letter in case.letters:
            mail = by_key.get(letter["message_id"])
            if mail is None or letter["kind"] not in DATED:
                continue
            if not any(_said(end, case.state["form"]["language"]) in mail.text for end in ends):
                said = ", ".join(sorted(_said(end, case.state["form"]["language"]) for end in ends))
                yield Finding("wrong", "told a date that is not the case's", letter["message_id"], f"not {said}")


def _ends(case: Case) -> set[datetime]:
    clocks = [c for name, c in case.state["clocks"].items() if name.startswith("resolution")]
    moved = [m for c in clocks for change in c["changes"] for m in (change["old_due_at"], change["new_due_at"])]
    return {moment(m) for m in [*(c["due_at"] for c in clocks), *moved]}


def _said(end: datetime, language: str) -> str:
    """As letters say a deadline; midnight as the minute before."""
    at = end.astimezone(BANK)
    at = at - timedelta(minutes=1) if (at.hour, at.minute) == (0, 0) else at
    if language == "zh-CN":
        return f"{at.year}年{at.month}月{at.day}日 {at:%H:%M}"
    return f"{at.day} {at:%B %Y, %H:%M}"
