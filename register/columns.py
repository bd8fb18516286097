"""Columns as every table of the register has them."""

from typing import Any, cast

from sqlalchemy import DateTime, LargeBinary, Table, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlmodel import Field, SQLModel


def table(model: type[SQLModel]) -> Table:
    """The table behind a model."""
    return cast(Table, model.__table__)  # type: ignore[attr-defined]  # SQLModel does not say that it is there


def at(**more: Any) -> Any:
    """A moment, with its time zone."""
    return Field(sa_type=DateTime(timezone=True), **more)


def json(**more: Any) -> Any:
    """Anything JSON can say."""
    return Field(sa_type=JSONB, **more)


def sealed() -> Any:
    """What only the key of the case opens (register/sealing.py); null once the case is erased."""
    return Field(default=None, sa_type=LargeBinary)


def names(**more: Any) -> Any:
    """Some names; none unless said otherwise."""
    none = {"server_default": text("'{}'"), "nullable": False}
    return Field(default=[], sa_type=ARRAY(TEXT), sa_column_kwargs=none, **more)
