"""Contact data is masked until somebody shows it for a purpose; whoever shows many is noticed."""

from typing import Literal, get_args

from pydantic import Field, StrictBool, ValidationInfo, field_validator

from complaints.form import Line
from complaints.messages import Body

Purpose = Literal[
    "call_customer", "verify_identity", "handle_case", "answer_customer", "supervise", "audit", "legal_request"
]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
NEED_A_REASON: tuple[Purpose, ...] = ("audit", "legal_request")
DISCLOSED, ALARM = "disclosed", "disclosure_alarm"
"""As the audit log calls a disclosure, and the alarm that there are many."""


class DisclosureBody(Body):
    """What the contact data is needed for; `reason` says more, `letters` asks for the letters as they were sent."""

    purpose: Purpose
    reason: Line | None = Field(default=None, validate_default=True)
    letters: StrictBool = False

    @field_validator("reason")
    @classmethod
    def _why(cls, reason: str | None, info: ValidationInfo) -> str | None:
        if reason is None and info.data.get("purpose") in NEED_A_REASON:
            raise ValueError(f"say why; it is needed for {' and '.join(NEED_A_REASON)}")
        return reason
