"""The form of a new complaint as the page sends it: what was typed, as the API's body, and what is wrong with it."""

import re
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from api.acting import KEY
from api.new_complaint import NewComplaint, well_formed
from api.pages import forms
from api.pages.acting import problem
from api.pages.page import Problem, Reader
from api.pages.refusals import field_words
from api.pages.time_left import zone
from api.pages.words import say
from complaints.errors import Refused
from complaints.form import ComplaintForm, Language, Text
from complaints.names import Kind, Nature, Urgency
from complaints.records import Classification

Json = dict[str, Any]
Filled = dict[str, list[str]]
ACTION = "complaints"
"""The form's own address below /desk/."""
SHOWN = "suggested"
"""Under names that begin so the page says which class it had suggested."""
OF_THE_CLASS = ("nature", "urgency", "kinds", "checked", "class_reason")


class Choice(BaseModel):
    """The class as it stood on the page when it was sent, and what had been suggested there."""

    nature: Nature | None = None
    urgency: Urgency | None = None
    kinds: list[Kind] = []
    checked: bool = False
    class_reason: Text | None = None
    suggested_nature: Nature | None = None
    suggested_urgency: Urgency | None = None
    suggested_kinds: list[Kind] = []

    def changed(self) -> Json:
        """What the agent has chosen otherwise than suggested; nothing while nothing was suggested."""
        if self.suggested_nature is None:
            return {}
        chosen = {"nature": self.nature, "urgency": self.urgency, "kinds": set(self.kinds)}
        kinds = set(self.suggested_kinds)
        offered = {"nature": self.suggested_nature, "urgency": self.suggested_urgency, "kinds": kinds}
        return {name: value for name, value in chosen.items() if value is not None and value != offered[name]}


def key_of(filled: str) -> str | None:
    """The form's own mark as the key of its opening, if it is one."""
    return filled if KEY.fullmatch(filled) else None


def body_of(filled: Filled) -> Json:
    """The body of POST /complaints; nobody named and the tick set is an anonymous complaint."""
    said = {name: values for name, values in filled.items() if name not in ("anonymous", "looked", *OF_THE_CLASS)}
    said = {name: values for name, values in said.items() if not name.startswith(f"{SHOWN}.")}
    said["attachments"] = [line.strip() for text in said.get("attachments", []) for line in text.splitlines()]
    body = forms.body(said, NewComplaint, zone())
    if "complainant" not in body:
        body["complainant"] = None if anonymous(filled) else {}
    return body


def anonymous(filled: Filled) -> bool:
    """Whether the tick is set."""
    return filled.get("anonymous", [""])[-1] == "true"


def complaint(filled: Filled) -> NewComplaint:
    """The complaint as it was filled in; ValidationError with everything that is wrong."""
    body = body_of(filled)
    wrong = []
    if anonymous(filled) and body["complainant"] is not None:
        wrong.append(_line("contradiction", "anonymous, and somebody is named", ("anonymous",)))
    try:
        made = NewComplaint.model_validate(body)
    except ValidationError as error:
        wrong += [_line(e["type"], e["msg"], e["loc"]) for e in error.errors()]
    if wrong:
        raise ValidationError.from_exception_data(NewComplaint.__name__, wrong)
    return made


def _line(code: str, message: str, place: tuple[int | str, ...]) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError(code, "{message}", {"message": message}), loc=place, input=None)


def as_far_as_it_goes(filled: Filled) -> ComplaintForm | None:
    """What is well-formed of a form that is still being filled in."""
    body = body_of(filled)
    try:
        return NewComplaint.model_validate(body)
    except ValidationError as error:
        try:
            return NewComplaint.model_validate(well_formed(body, error.errors()))
        except ValidationError:
            return None


def choice(filled: Filled) -> Choice:
    """The class on the page; ValidationError when it is none."""
    said: Json = {}
    for name in OF_THE_CLASS:
        for field, under in ((name, name), (f"{SHOWN}.{name}", f"{SHOWN}_{name}")):
            values = [value for value in filled.get(field, []) if value.strip()]
            if values:
                said[under] = values if name == "kinds" else values[-1]
    return Choice.model_validate(said)


def correction(chosen: Choice, found: Classification, *, confirm: bool) -> Json | None:
    """What the agent's choice makes of the class the process has found; nothing when it says no more than that.

    What was left as suggested is left to the process, which has read the whole form; what was ticked as checked is not.
    """
    wanted = chosen.changed()
    if chosen.checked and chosen.suggested_nature is not None:
        wanted = {"nature": chosen.nature, "urgency": chosen.urgency, "kinds": set(chosen.kinds)}
    if "kinds" in wanted:
        wanted["kinds"] = wanted["kinds"] | ({Kind.anonymous} & set(found.kinds))
    same = {"nature": found.nature, "urgency": found.urgency, "kinds": set(found.kinds)}
    if not wanted or (not confirm and all(value == same[name] for name, value in wanted.items())):
        return None
    return wanted | ({"kinds": sorted(wanted["kinds"])} if "kinds" in wanted else {})


PLACES = {"complainant": "anonymous", "amount": "amount.value", "about": "about.department"}
"""Where on the page a fault is shown that is about a whole part of the form."""

FAULTS = {
    ("complainant.phone", "string_pattern_mismatch"): "Digits, such as 138 0000 0000 or +86 10 8888 0000.",
    ("amount.value", "value_error"): "Digits with a point, such as 1200.00.",
    ("amount.value", "decimal_max_places"): "At most two digits after the point.",
    ("complainant.name", "required"): "Record the name or the customer number, or tick “anonymous”.",
    ("complainant.phone", "required"): "It came by this channel, so the telephone is known: record it.",
    ("complainant.email", "required"): "It came by this channel, so the e-mail address is known: record it.",
    ("complainant.address", "required"): "It came by this channel, so the address is known: record it.",
    ("anonymous", "contradiction"): "Anonymous, and somebody is named: take away the tick, or the name and contacts.",
    ("received_at", "in_future"): "This is in the future.",
    ("occurred_on", "after_receipt"): "It cannot happen after it was received.",
    ("occurred_on", "too_early"): "This is before 1990.",
    ("received_at", "value_error"): "A day and an hour since 1990, please.",
    ("occurred_on", "value_error"): "A day, such as 2026-03-10.",
    ("attachments", "value_error"): "Names of files, one on each line, without folders.",
    ("complainant.email", "value_error"): "This is no e-mail address.",
}  # fmt: skip
"""What is wrong, by the field and the code of its fault."""

CODES = {
    "unknown_product": "Please choose one of the list.",
    "unknown_currency": "Please choose one of the list.",
    "date_from_datetime_parsing": "A day, such as 2026-03-10.",
    "date_parsing": "A day, such as 2026-03-10.",
    "datetime_from_date_parsing": "A day and an hour since 1990, please.",
    "datetime_parsing": "A day and an hour since 1990, please.",
    "timezone_aware": "A day and an hour since 1990, please.",
    "decimal_max_digits": "Too large.",
    "value_error": "There is something in it that cannot be kept: a control character, or a break in a line.",
}


def refused(reader: Reader, filled: Filled, error: Exception) -> Problem:
    """What the page says of a form that was not taken."""
    said = problem(reader, ACTION, filled, error)
    found: list[tuple[str, str, str]] = []
    if isinstance(error, ValidationError):
        found = [(".".join(map(str, e["loc"])), e["type"], e["msg"]) for e in error.errors()]
    elif isinstance(error, Refused):
        found = [(e.field, e.code, e.message) for e in error.errors]
    faults: dict[str, str] = {}
    for place, code, message in found:
        field = re.sub(r"\.[0-9]+$", "", PLACES.get(place, place))
        faults.setdefault(field, fault(reader.language, field, code, message))
    return Problem(ACTION, said.status, said.message, filled, faults)


def fault(language: Language, field: str, code: str, message: str) -> str:
    """What is wrong with that field, in the reader's language."""
    own = FAULTS.get((field, code)) or CODES.get(code)
    return say(language, own) if own else field_words(language, code, message, None)
