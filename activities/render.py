"""Letters: one template per kind and language, rendered once, then put into the form of the way it is told.

The HTML page is the only source: subject, plain text, postal PDF and telephone script are read off it. A value is data
and never a template, and a value that a letter needs and has not got is an error, never a blank.
"""

from datetime import datetime, time, timedelta
from typing import Any, Literal

from babel.dates import format_datetime
from babel.numbers import format_decimal, get_currency_name
from jinja2 import UndefinedError
from pydantic import AwareDatetime, BaseModel, ConfigDict

from activities.letter_page import blocks, one_line, plain, upright
from activities.letter_pdf import pdf
from activities.templating import templates
from complaints.form import Language, Money
from complaints.names import Outcome, Stage, Way
from complaints.policy import LetterKind

Kind = LetterKind | Literal["notice"]
PARAGRAPHS = ("reply", "findings", "measures", "reason", "question")
"""The fields that keep their lines."""

NOTICE_BOARD: Literal["notice_board"] = "notice_board"


class MissingValue(ValueError):
    """A letter cannot be written: its template needs a value that the context has not got. Trying again is useless."""


class LetterContext(BaseModel):
    """Everything a letter may say; the optional ones are an error in a letter that needs them. Times in bank's zone."""

    model_config = ConfigDict(frozen=True)

    reference: str
    language: Language
    bank: str
    contact: str
    received_at: AwareDatetime
    written_at: AwareDatetime
    name: str | None = None
    gender: Literal["female", "male", "other", "unknown"] | None = None
    address: str | None = None
    expected_by: AwareDatetime | None = None
    overdue: bool = False
    stage: Stage | None = None
    department_zh: str | None = None
    department_en: str | None = None
    handler: str | None = None
    reply: str | None = None
    findings: str | None = None
    measures: str | None = None
    redress_kind: Literal["refund", "compensation", "fee_waiver", "goodwill", "correction", "apology", "none"] = "none"
    redress_amount: Money | None = None
    further_round: bool | None = None
    regulator: str | None = None
    answer_link: str | None = None
    outcome: Outcome | None = None
    round: int = 1
    old_due: AwareDatetime | None = None
    new_due: AwareDatetime | None = None
    reason: str | None = None
    question: str | None = None
    answer_by: AwareDatetime | None = None
    again: bool = False
    reopened: bool = False
    from_department_zh: str | None = None
    from_department_en: str | None = None
    from_region: str | None = None
    to_region: str | None = None
    merged_into: str | None = None


class Rendered(BaseModel):
    """A letter ready to go: `html` for e-mail, `pdf` for post; `text` always."""

    model_config = ConfigDict(frozen=True)

    subject: str
    text: str
    html: str | None = None
    pdf: bytes | None = None


LOCALES = {"zh-CN": ("zh_CN", "y年M月d日 HH:mm", "y年M月d日"), "en": ("en_GB", "d MMMM y, HH:mm", "d MMMM y")}


def when(moment: datetime, language: Language) -> str:
    """`2026年10月13日 17:30`, `13 October 2026, 17:30`: in the moment's own zone."""
    locale, pattern, _ = LOCALES[language]
    return format_datetime(moment, pattern, tzinfo=moment.tzinfo, locale=locale)


def by(moment: datetime, language: Language) -> str:
    """A deadline: midnight is told as the minute before, lest the reader takes it for the day that begins."""
    return when(moment - timedelta(minutes=1) if moment.time() == time.min else moment, language)


def day(moment: datetime, language: Language) -> str:
    """`2026年10月13日`, `13 October 2026`."""
    locale, _, pattern = LOCALES[language]
    return format_datetime(moment, pattern, tzinfo=moment.tzinfo, locale=locale)


def money(amount: Money, language: Language) -> str:
    """`人民币 1,200.00`, `CNY 1,200.00`."""
    locale = LOCALES[language][0]
    currency = get_currency_name(amount.currency, locale=locale) if language == "zh-CN" else amount.currency
    return f"{currency} {format_decimal(amount.value, '#,##0.00', locale=locale)}"


ENVIRONMENT = templates("letters")
ENVIRONMENT.filters.update(when=when, by=by, day=day, money=money)


def render(kind: Kind, way: Way | Literal["notice_board"], context: LetterContext) -> Rendered:
    """The letter of that kind in the form of that way; a notice goes to the notice board and nowhere else."""
    if (kind == "notice") != (way == NOTICE_BOARD):
        raise ValueError(f"{kind} is not told by {way}")
    try:
        return _render(kind, way, context)
    except UndefinedError as missing:
        raise MissingValue(f"{context.reference}: {kind} in {context.language}: {missing.message}") from missing


def _words(field: str, text: str) -> str:
    return upright(text if field in PARAGRAPHS else one_line(text))


def _render(kind: Kind, way: Way | Literal["notice_board"], context: LetterContext) -> Rendered:
    values: dict[str, Any] = {
        field: _words(field, value) if isinstance(value, str) else value
        for field, value in context
        if value is not None and str(value).strip()
    }
    if way is Way.spoken:
        values.pop("answer_link", None)  # a personal link is for the eyes of one person; nobody reads it out

    def fill(name: str) -> str:
        return ENVIRONMENT.get_template(f"{context.language}/{name}").render(values).strip()

    # The page is made whatever the way, so that what it lacks is an error by SMS too.
    values["addressee"] = fill("_addressee.txt")
    html = fill(f"{kind}.html")
    page = blocks(html)
    subject, page = page[0].text, page[1:]
    match way:
        case Way.sms:
            return Rendered(subject=subject, text=one_line(fill(f"{kind}.sms.txt")))
        case Way.spoken:
            values["script"] = plain([b for b in page if b.part == "body"]).strip()
            return Rendered(subject=subject, text=fill("_spoken.txt") + "\n")
        case Way.post:
            body = [b for b in page if b.part != "letterhead"]
            to = [one_line(upright(line)) for line in [context.name or "", *(context.address or "").splitlines()]]
            printed = pdf(body, subject, context.bank, context.reference, context.language, [t for t in to if t])
            return Rendered(subject=subject, text=plain(page), pdf=printed)
        case _:
            return Rendered(subject=subject, text=plain(page), html=html)
