"""The complaint registration form 投诉登记表 (R1.2): what an agent may send, and every way it can be wrong."""

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    PlainSerializer,
    field_validator,
)

from complaints.errors import FieldError
from complaints.names import Channel
from complaints.policy import Intake

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
CLOCK_SKEW = timedelta(minutes=5)
INVISIBLE = ("Cc", "Cf", "Zl", "Zp", "Zs")
"""Unicode categories of what nobody sees on paper, such as U+200B."""


def _clean(text: str) -> str:
    """Any script and any emoji is legitimate text; control characters are not."""
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\r\t":
            raise ValueError(f"control character U+{ord(character):04X} is not text")
    return text


def _single_line(text: str) -> str:
    if re.search("[\r\n\t\u2028\u2029]", text):
        raise ValueError("one line only")
    return text.strip()


def _not_blank(text: str) -> str:
    if all(unicodedata.category(character) in INVISIBLE for character in text):
        raise ValueError("must not be blank")
    return text


def _iso_8601(value: Any) -> Any:
    """A bare number is no date: nobody can see whether it counts seconds or milliseconds."""
    if isinstance(value, (int, float)) or (isinstance(value, str) and not re.match(r"[0-9]{4}-", value)):
        raise ValueError("ISO 8601, such as 2026-03-10T10:00:00+08:00 or 2026-03-10")
    return value


def _plain_number(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):
        raise ValueError("digits with a point, such as 1200.00")
    return value


def _bare_address(value: Any) -> Any:
    if isinstance(value, str) and re.search("[<>]", value):
        raise ValueError("the address alone, such as name@example.com")
    return value


def _file_name(name: str) -> str:
    if re.search(r'[/\\:*?"<>|]', name) or name in (".", ".."):
        raise ValueError("a file's name without any path")
    return name


Text = Annotated[str, Field(max_length=20_000), AfterValidator(_clean), AfterValidator(_not_blank)]
Line = Annotated[
    str,
    Field(min_length=1, max_length=200),
    AfterValidator(_clean),
    AfterValidator(_single_line),
    AfterValidator(_not_blank),
]
FileName = Annotated[Line, AfterValidator(_file_name)]
Moment = Annotated[AwareDatetime, BeforeValidator(_iso_8601)]
Day = Annotated[date, BeforeValidator(_iso_8601)]
Email = Annotated[EmailStr, BeforeValidator(_bare_address)]
Phone = Annotated[str, Field(pattern=r"^\+?[0-9][0-9 \-()]{4,24}$")]
Language = Literal["zh-CN", "en"]


class Strict(BaseModel):
    """A body with a field nobody knows is refused, so that a slip of the pen is never dropped in silence."""

    model_config = ConfigDict(extra="forbid")


class Money(Strict):
    """An amount: value with at most two decimals, ISO 4217 currency."""

    value: Annotated[
        Decimal,
        Field(ge=0, le=Decimal("999999999999.99"), max_digits=14, decimal_places=2, allow_inf_nan=False),
        BeforeValidator(_plain_number),
        PlainSerializer(lambda v: f"{v + 0:.2f}", return_type=str),  # + 0: there is no negative zero
    ]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]


class Complainant(Strict):
    """Who complains. Contact ways are optional; what is missing shows as `incomplete`."""

    name: Line | None = None
    gender: Literal["female", "male", "other", "unknown"] | None = None
    age: Annotated[int, Field(ge=0, le=130, strict=True)] | None = None
    phone: Phone | None = None
    email: Email | None = None
    address: Annotated[Text, Field(max_length=500)] | None = None
    customer_number: Line | None = None


class About(Strict):
    """Whom the complaint is about."""

    department: Line | None = None
    person: Line | None = None


class ComplaintForm(Strict):
    """One complaint as it was received. `complainant` must be said: a person, or null for an anonymous one."""

    channel: Channel
    received_at: Moment = Field(description="when it reached the bank, not when it was keyed in")
    language: Language = "zh-CN"
    complainant: Complainant | None
    about: About | None = None
    matter: Text
    reason: Text | None = None
    demand: Text | None = None
    product: Line | None = None
    amount: Money | None = None
    affected_customers: Annotated[int, Field(ge=1, le=10_000_000, strict=True)] | None = None
    occurred_on: Day | None = None
    attachments: Annotated[list[FileName], Field(max_length=50)] = []
    imported_from: Annotated[str, Field(max_length=100)] | None = Field(
        default=None, description="file and row of an import; facts of the file that the form has no field for"
    )

    @field_validator("received_at")
    @classmethod
    def _not_before_1990(cls, value: datetime) -> datetime:
        if value < EARLIEST:
            raise ValueError("before 1990")
        return value


NEEDED: dict[Channel, str] = {
    Channel.telephone: "phone",
    Channel.sms: "phone",
    Channel.email: "email",
    Channel.letter: "address",
}
"""The contact way without which a complaint by that channel cannot be answered the way it came."""


def contradictions(form: ComplaintForm, intake: Intake, now: datetime) -> list[FieldError]:
    """What is wrong with a well-formed form in the light of the rules and the time (aware): all of it at once."""
    found: list[FieldError] = []

    def wrong(field: str, code: str, message: str) -> None:
        found.append(FieldError(field=field, code=code, message=message))

    if form.received_at > now + CLOCK_SKEW:
        wrong("received_at", "in_future", "a complaint cannot be received in the future")
    if form.occurred_on and form.occurred_on - form.received_at.date() > timedelta(days=1):
        wrong("occurred_on", "after_receipt", "it cannot happen after it was received")
    if form.occurred_on and form.occurred_on < EARLIEST.date():
        wrong("occurred_on", "too_early", "before 1990")
    if form.product and form.product not in intake.products:
        wrong("product", "unknown_product", f"one of: {', '.join(intake.products)}")
    if form.amount and form.amount.currency not in intake.currencies:
        wrong("amount.currency", "unknown_currency", f"one of: {', '.join(intake.currencies)}")
    lenient = form.imported_from is not None or form.channel in intake.may_be_incomplete
    if (person := form.complainant) is not None and not lenient:
        if not person.name and not person.customer_number:
            wrong("complainant.name", "required", "a name or a customer number; or complainant null when anonymous")
        needed = NEEDED.get(form.channel)
        if needed and not getattr(person, needed):
            wrong(f"complainant.{needed}", "required", f"came by {form.channel}, so the {needed} is known; record it")
    return found


def missing_facts(form: ComplaintForm) -> list[str]:
    """What an incomplete complaint still lacks, by field name; an anonymous one lacks nothing that can be had."""
    if form.complainant is None:
        return []
    person = form.complainant
    missing = [] if person.name else ["complainant.name"]
    if not (person.phone or person.email or person.address):
        missing.append("complainant.contact")
    return missing
