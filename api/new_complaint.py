"""The registration form as an agent sends it. Whatever is wrong with it is said at once, not round after round."""

from datetime import UTC, datetime
from typing import Any, Self

from pydantic import Field, ModelWrapValidatorHandler, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from api import opening
from complaints.form import ComplaintForm, Moment

HARMLESS: dict[tuple[int | str, ...], Any] = {
    ("channel",): "box",  # the one that asks for least
    ("complainant",): None,
    ("matter",): "-",
    ("amount", "value"): "0",
    ("amount", "currency"): "CNY",
}
"""What stands in for a required field at fault while the rest is held against the rules."""


class NewComplaint(ComplaintForm):
    """The registration form as an agent sends it; received now unless said otherwise."""

    received_at: Moment = Field(default_factory=lambda: datetime.now(UTC))

    @field_validator("imported_from")
    @classmethod
    def _not_by_hand(cls, value: str | None) -> str | None:
        if value is not None:
            raise ValueError("is set by an import alone")
        return value

    @model_validator(mode="wrap")
    @classmethod
    def _all_faults_at_once(cls, data: Any, form: ModelWrapValidatorHandler[Self]) -> Self:
        """Hold what is well-formed against the rules even where something else is not."""
        try:
            return form(data)
        except ValidationError as malformed:
            wrong = malformed.errors()
            try:
                rest = form(well_formed(data, wrong))
            except (ValidationError, TypeError, AttributeError):  # no object at all, or odd beyond help
                raise malformed from None
        found = [_line(fault["type"], fault["msg"], fault["loc"]) for fault in wrong]
        for fault in opening.faults(rest, datetime.now(UTC)):
            place = tuple(fault.field.split("."))
            if all(place[: len(named["loc"])] != named["loc"] for named in wrong):
                found.append(_line(fault.code, fault.message, place))
        raise ValidationError.from_exception_data(cls.__name__, found)


def _line(code: str, message: str, place: tuple[int | str, ...]) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError(code, message), loc=place, input=None)


def well_formed(data: dict[str, Any], wrong: list[ErrorDetails]) -> dict[str, Any]:
    """The body without what is at fault, as these errors say; required fields are filled with what asks for least."""
    rest = {k: dict(v) if isinstance(v, dict) else v for k, v in data.items()}
    for fault in wrong:
        place = fault["loc"][:2]
        outer = rest
        if len(place) == 2 and isinstance(rest.get(str(place[0])), dict):
            outer = rest[str(place[0])]
        else:
            place = place[:1]
        outer.pop(str(place[-1]), None)
        if place in HARMLESS:
            outer[str(place[-1])] = HARMLESS[place]
    return rest
