"""Typed refusals; turned into HTTP in one place, api/errors.py."""

from pydantic import BaseModel


class FieldError(BaseModel):
    """One field at fault: where, a stable code, and what to do about it."""

    field: str
    code: str
    message: str


class Refused(Exception):
    """An act that may not happen now; the case is untouched.

    `code` is stable: wrong_stage, not_yours, own_work, not_allowed, unknown, too_soon, too_late, cap_reached,
    invalid, key_reused, unavailable.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        possible: list[str] | None = None,
        errors: list[FieldError] | None = None,
        stage: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.possible = possible or []
        self.errors = errors or []
        self.stage = stage
