"""What every rule read from a policy file has in common."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Rule(BaseModel):
    """Base of everything read from a policy file: an unknown key is an error, never ignored; nothing changes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Sourced(Rule):
    """A rule that says where it comes from."""

    source: str = Field(min_length=3)


Told = Literal["agent", "handler", "supervisor", "manager", "head_office"]
"""Whom a reminder or an escalation reaches; `head_office` is a manager of the head office."""
