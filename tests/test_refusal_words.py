"""No refusal reaches a page in the API's English: every place that refuses is found in the code and told anew."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, Field, ValidationError

from api.errors import STATUS
from api.pages.refusals import field_words, refusal_words, sentence
from api.pages.sentences import FIELDS, REFUSALS, SENTENCES, SIZED
from complaints.detours.extension import ExtensionBody
from complaints.errors import FieldError, Refused
from complaints.form import Complainant, ComplaintForm, Language
from complaints.messages import CallbackBody, CorrectionBody, NoteBody, ResolutionBody

ROOT = Path(__file__).parent.parent
ELSEWHERE = {
    "cfpb.py", "addresses.py", "clock.py", "policy.py", "classification_rules.py", "handling_rules.py", "retention.py",
    "targets.py",
    "knowledge.py", "codec.py", "customer.py", "customer_view.py", "customer_form.py", "oidc.py", "limits.py", "errors.py",
}  # fmt: skip
"""Files whose refusals are for programs, for those who write rules, or on the customers' own pages."""
HOLE = "X7"


def sample(node: ast.expr) -> str | None:
    """The message a place gives, with a mark where something varies; None where it is made elsewhere."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else HOLE for part in node.values)
    return sample(node.body) if isinstance(node, ast.IfExp) else None


def refusing() -> Iterator[tuple[str, str]]:
    """Every place that refuses, and its message."""
    for path in sorted([*(ROOT / "complaints").rglob("*.py"), *(ROOT / "api").rglob("*.py")]):
        if path.name in ELSEWHERE:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            said = None
            if isinstance(node, ast.Call):
                called = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if called in ("Refused", "fault", "wrong", "FieldError", "ValueError") and node.args:
                    said = sample(node.args[-1])
                for keyword in node.keywords if called == "FieldError" else ():
                    said = sample(keyword.value) if keyword.arg == "message" else said
            elif isinstance(node, ast.Tuple) and path.name == "checks.py" and len(node.elts) == 2:
                said = sample(node.elts[1])
            if said and " " in said:
                yield f"{path.name}:{getattr(node, 'lineno', 0)}", said


PLACES = [place for place in refusing() if place[1] not in ("the request has fields at fault",)]
FOR_PROGRAMS = {
    "the form contradicts the rules", "cannot be assigned so", "cannot be resolved so",  # with fields, which tell it
    "the process did not answer in time; repeat with the same Idempotency-Key", "the process could not take it",
    "either name the roles that may, or say `public: true` and why", "`public: true` and `why` go together",
    "a customer has no account: a route for their link is public", f"each act is the act of one route: {HOLE}",
    f"one route does `{HOLE}`: it says which cases somebody may know of", f"{HOLE} {HOLE}", f"{HOLE}: {HOLE}",
}  # fmt: skip
"""Told by their code alone, or to those who write the access table."""


def raw(text: str) -> list[str]:
    """What is left of English in a Chinese text."""
    allowed = ("CMP", "name@example.com", "/auth/revoke", HOLE)
    for word in allowed:
        text = text.replace(word, "")
    return re.findall(r"[A-Za-z]{2,}", text)


def test_every_place_that_refuses_has_a_sentence_in_both_languages() -> None:
    assert len(PLACES) > 110
    without = {place: said for place, said in PLACES if said not in FOR_PROGRAMS and sentence("en", said) is None}
    assert not without, "write these into api/pages/sentences.py, with their Chinese in templates/words/"
    english = {said: told for _, said in PLACES if (told := sentence("zh-CN", said)) and raw(told)}
    assert not english


def test_no_sentence_is_for_a_message_that_nothing_gives() -> None:
    told = {sentence("en", said) for _, said in PLACES}
    elsewhere = {
        "at most {amount} {unit}", "at most {amount} working_days",  # one place, three ways to say it
        "the case is with nobody", "nobody of that name", "no such response",
        "it goes to {place}", "control character {code} is not text", "nobody of that department is at work there",
        "nobody of that name who is {roles}",  # put together at their place
        "String should match pattern '{pattern}'",  # pydantic's own
        "this Idempotency-Key was used before with another body",  # register/
    }  # fmt: skip
    never = [
        message
        for message in SENTENCES
        if message not in elsewhere and sentence("en", re.sub(r"{\w+}", HOLE, message)) not in told
    ]
    assert not never


@pytest.mark.parametrize("code", sorted({*STATUS, "nobody_knows"} - {"link_expired", "link_revoked"}))
def test_a_refusal_without_a_sentence_is_told_by_its_code(code: str) -> None:
    told = refusal_words("zh-CN", Refused(code, "something no table has"))
    assert re.search(r"[\u4e00-\u9fff]", told)
    assert not raw(told)
    assert refusal_words("en", Refused(code, "something no table has")) in REFUSALS.values()


SAID = [
    ("no submit_resolution in stage classified", "已分类", "Classified"),
    ("attempts keep 4 h apart; next from 2026-11-22T10:00:00+08:00", "2026年11月22日 10:00", "22 November 2026, 10:00"),
    ("for supervisor or manager", "客服主管、客服经理", "Supervisor, Manager"),
    ("the case is with handler.card_centre", "handler.card_centre", "handler.card_centre"),
    ("the case is with nobody", "先接单", "Take it first"),
    ("closed for good: withdrawn", "已撤诉", "Withdrawn"),
    ("at most 5 working_days", "5 个工作日", "5 working days"),
    ("the clock approval_2 has stopped", "审批 2", "Approval 2"),
]


@pytest.mark.parametrize(("message", "zh", "en"), SAID)
def test_what_varies_is_told_in_words(message: str, zh: str, en: str) -> None:
    assert zh in refusal_words("zh-CN", Refused("wrong_stage", message))
    assert en in refusal_words("en", Refused("wrong_stage", message))


def test_a_refusal_with_fields_points_at_them() -> None:
    error = Refused("invalid", "whatever", errors=[FieldError(field="a", code="unknown_handler", message="x y")])
    assert refusal_words("zh-CN", error) == "请检查标出的栏目。"
    assert field_words("zh-CN", "unknown_handler", "x y", None).startswith("该部门没有此处理人员")


class Odd(BaseModel):
    """Every limit that a model of ours sets."""

    whole: int = Field(default=1, gt=0, lt=9)
    least: int = Field(default=1, ge=1)
    listed: list[str] = Field(default=[], max_length=1)
    short: str = Field(default="", max_length=2)


WRONG: list[tuple[type[BaseModel], dict[str, object]]] = [
    (Odd, {"whole": 0, "least": 0, "listed": ["a", "b"], "short": "abc"}),
    (Odd, {"whole": 9, "least": "many", "listed": "a", "short": 1}),
    (NoteBody, {}),
    (NoteBody, {"text": " ", "more": 1}),
    (CallbackBody, {"reached": "perhaps", "satisfaction": 9, "nps": -1}),
    (CorrectionBody, {"nature": "weather", "kinds": ["x"], "reason": "a\nb"}),
    (ExtensionBody, {"amount": 1.5, "reason": ""}),
    (ResolutionBody, {"redress": {"kind": "refund"}}),
    (ResolutionBody, {"redress": {"kind": "apology", "amount": {"value": "1.234", "currency": "?"}}}),
    (ResolutionBody, {"redress": {"kind": "refund", "amount": {"value": "much", "currency": "CNY"}}, "findings": 3}),
    (Complainant, {"email": "nobody", "phone": "abc", "age": 500, "gender": "x", "name": "\x07"}),
    (ComplaintForm, {"channel": "pigeon", "received_at": "yesterday", "occurred_on": "soon", "matter": ""}),
    (ComplaintForm, {"channel": "email", "received_at": "1980-01-01T00:00:00Z", "occurred_on": "2026-99-99"}),
]


@pytest.mark.parametrize(("model", "body"), WRONG)
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_what_a_form_gets_wrong_is_told_in_the_readers_language(
    language: Language, model: type[BaseModel], body: dict[str, object]
) -> None:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(body)
    known = {*FIELDS.values(), *SIZED.values()}
    for error in refused.value.errors():
        told = field_words(language, error["type"], error["msg"], error.get("ctx"))
        if language == "zh-CN":
            assert re.search(r"[\u4e00-\u9fff]", told), error
            assert not raw(told), (error, told)
        else:
            assert error["type"] in FIELDS or sentence("en", error["msg"].removeprefix("Value error, ")), error
            assert told in known or error["type"] in (*SIZED, "value_error", "string_pattern_mismatch"), (error, told)
