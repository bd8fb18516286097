"""Lines of the audit log as its readers see them: what people gave as their reason is free text, and masked as such."""

from sqlalchemy.ext.asyncio import AsyncEngine

from api.view import mask_of
from register import read
from register.read import Row


async def masked(engine: AsyncEngine, lines: list[Row]) -> list[Row]:
    """The lines with each reason masked by what is known of the complainant of its case."""
    forms = await read.forms(engine, {line["subject"] for line in lines if line["why"] and line["subject"]})
    return [
        line | {"why": line["why"] and mask_of(forms.get(line["subject"] or "")).text(line["why"])} for line in lines
    ]
