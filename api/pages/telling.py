"""What to tell the customer of a complaint just opened: reference, expected date, what comes next, whom to ask."""

from datetime import datetime
from typing import Any

from activities.render import by
from api.pages.page import Reader
from api.pages.words import say
from complaints.clock import count
from complaints.names import Way
from complaints.policy import Policy
from policies.load import by_version, in_force
from policies.names import DEFAULT_JURISDICTION

Json = dict[str, Any]

OPENED = "Your complaint is registered. Its reference is %(reference)s."
EXPECTED = "We expect to answer by %(day)s."
OWED = "We should have answered by %(day)s; we will do so as soon as we can."
LOOKED_INTO = "The responsible department looks into it and may contact you for more information."
RESULT = {
    Way.spoken: "We will call you with the result.",
    Way.email: "We will send you the result by e-mail.",
    Way.sms: "We will send you the result by text message.",
    Way.post: "We will send you the result by post.",
}
CONFIRMED = {
    Way.email: "You will also get a confirmation by e-mail.",
    Way.sms: "You will also get a confirmation by text message.",
    Way.post: "You will also get a confirmation by post.",
}
AFTERWARDS = "Afterwards we will ask you whether you are satisfied."
ANONYMOUS = (
    "As you stay anonymous, nobody will contact you; the result is published inside the bank, without your name."
)
ASK = "If you have a question, name the reference: %(contact)s."


def telling(reader: Reader, case: Json) -> Json:
    """What templates/desk/_tell.html shows; `case` as the API gives it, opened or only kept.

    `words` are to be read out, in the language of the customer.
    """
    rules = by_version(case["policy_version"]) if "policy_version" in case else _rules_today(reader)
    clock = next((c for c in case.get("clocks", []) if c["name"] == "resolution"), None)
    received = datetime.fromisoformat(str(case["received_at"]))
    due: datetime = clock["due_at"] if clock else count(rules.clocks.resolution.limit, received, rules.calendar).due_at
    due, language = rules.calendar.local(due), case["language"]
    when = OWED if due <= reader.here.clock() else EXPECTED
    written, result = _way(case, rules, "letters"), _way(case, rules, "result")
    comes = (
        [ANONYMOUS]
        if case["complainant"] is None
        else [LOOKED_INTO, RESULT[result], CONFIRMED.get(written, ""), AFTERWARDS]
    )
    named = {
        "reference": case["reference"],
        "day": by(due, language),
        "contact": rules.letters.contact[language],
    }
    return {
        "reference": case["reference"],
        "expected_by": due,
        "day": by(due, reader.language),
        "contact": rules.letters.contact[reader.language],
        "written": written if written is not Way.spoken and case["complainant"] is not None else None,
        "language": language,
        "words": [say(language, text) % named for text in (OPENED, when, *comes, ASK) if text],
        "anonymous": case["complainant"] is None,
    }


def _rules_today(reader: Reader) -> Policy:
    return in_force(DEFAULT_JURISDICTION, reader.here.clock())


def _way(case: Json, rules: Policy, purpose: str) -> Way:
    """The first way for which there is contact data, as the process will choose it."""
    person = case["complainant"] or {}
    have = {Way.email: person.get("email"), Way.sms: person.get("phone"), Way.post: person.get("address")}
    ways = rules.letters.ways[case["channel"]]["result" if purpose == "result" else "letters"]
    return next((way for way in ways if way is Way.spoken or have[way]), Way.spoken)
