"""A case as its complainant sees it: where it stands and by when, and nothing of how the bank works inside."""

from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from complaints.checks import possible
from complaints.errors import Refused
from complaints.form import Language
from complaints.names import Outcome, Stage
from complaints.policy import Policy
from policies.load import by_version

Status = Literal["received", "in_progress", "answering", "answered", "waiting", "merged", "closed", "withdrawn"]
CanDo = Literal["rating", "facts", "withdrawal"]

STATUS: dict[str, Status] = {
    Stage.received: "received",
    Stage.classified: "received",
    Stage.feedback: "answering",
    Stage.callback: "answered",
    Stage.closed: "closed",
}
"""What a stage is to the complainant; every other one is work inside the bank."""

STATUS_TEXT: dict[Language, dict[Status, str]] = {
    "zh-CN": {
        "received": "我们已收到您的投诉，正在登记和分派。",
        "in_progress": "责任部门正在核查处理。",
        "answering": "已有处理结果，正在答复您。",
        "answered": "处理结果已答复您，请您评价。",
        "waiting": "我们正在等您补充情况，期间时限暂停计算。",
        "merged": "本投诉已与同一事项的投诉合并办理，一并答复。",
        "closed": "您的投诉已办结。",
        "withdrawn": "已按您的意愿撤回投诉。",
    },
    "en": {
        "received": "We have received your complaint and are registering it.",
        "in_progress": "The responsible department is looking into it.",
        "answering": "We have a result and are telling you about it.",
        "answered": "We have told you the result. Please tell us how we did.",
        "waiting": "We are waiting for something from you; our time limit stands still meanwhile.",
        "merged": "This complaint is handled together with another one on the same matter, and answered with it.",
        "closed": "Your complaint is closed.",
        "withdrawn": "You have withdrawn your complaint.",
    },
}
ACTS: dict[CanDo, str] = {"rating": "callback", "facts": "note", "withdrawal": "withdrawal"}
"""What the complainant can do, as the case calls it."""


class CustomerView(BaseModel):
    """A complaint as its complainant sees it; times in the bank's zone."""

    reference: str
    language: Language
    status: Status
    status_text: str = Field(description="in the language of the complaint")
    question: str | None = Field(description="what the bank has asked and waits for; a fact that is added answers it")
    received_at: AwareDatetime
    expected_by: AwareDatetime | None = Field(description="when we shall have answered; null once we have")
    overdue: bool = Field(description="the expected time is over and there is no answer yet")
    possible: list[CanDo] = Field(description="what can be done now")
    contact: str
    link_expires_at: AwareDatetime


def rules_of(state: dict[str, Any]) -> Policy:
    """The rules the case is held to."""
    return by_version(str(state["policy_version"]))


def customer_view(state: dict[str, Any], expires_at: datetime, now: datetime) -> CustomerView:
    """What the register's state of a case is to its complainant."""
    rules, language = rules_of(state), state["form"]["language"]
    local, stage = rules.calendar.local, str(state["stage"])
    withdrawn = bool(state["withdrawn"]) or state["outcome"] == Outcome.withdrawn
    status: Status = "withdrawn" if withdrawn else STATUS.get(stage, "in_progress")
    pause = next((p for p in state.get("pauses", []) if p["resumed_at"] is None), None)
    if state["outcome"] == Outcome.merged:
        status = "merged"
    elif pause and status == "in_progress":
        status = "waiting"
    number = state.get("round", 1)
    clock = state["clocks"].get("resolution" if number == 1 else f"resolution_{number}")
    waits = clock and clock["stopped_at"] is None and status in ("received", "in_progress", "answering")
    due = datetime.fromisoformat(clock["due_at"]) if waits else None
    can = [] if withdrawn else ["note"] if status == "merged" else possible(Stage(stage))
    return CustomerView(
        reference=state["reference"],
        language=language,
        status=status,
        status_text=STATUS_TEXT[language][status],
        question=pause["question"] if pause and status == "waiting" else None,
        received_at=local(datetime.fromisoformat(state["form"]["received_at"])),
        expected_by=due and local(due),
        overdue=due is not None and now > due,
        possible=[name for name, act in ACTS.items() if act in can],
        contact=rules.letters.contact[language],
        link_expires_at=local(expires_at),
    )


def refusal(what: CanDo, refused: Refused, state: dict[str, Any], view: CustomerView) -> Refused:
    """The process's refusal as its complainant may know it: without stages or acts of the bank's inside."""
    if refused.code in ("invalid", "unavailable"):
        return Refused(refused.code, refused.message, errors=refused.errors)
    code, message = "not_possible", "this is not possible now; please contact us"
    rated = any(a["reached"] and a["round"] == state["round"] for a in state["callbacks"])
    if refused.code == "key_reused":
        code, message = "key_reused", "this form was sent before with other words; open the link again and send it anew"
    elif what == "rating" and rated:
        code, message = "already_rated", "you have rated before, and once is enough; thank you"
    elif view.status == "withdrawn":
        code, message = "already_withdrawn", "this complaint was withdrawn; nothing can be added"
    elif view.status == "closed":
        code, message = "case_closed", "this complaint is closed; if anything new comes up, please contact us"
    elif what == "rating" and "rating" not in view.possible:
        code, message = "not_asked_yet", "the questions come with the result; please rate when you have it"
    return Refused(code, message, possible=list(view.possible))
