"""Whose key seals what: a complaint has its own, everything else that of the office."""

import re

OFFICE = "office"
"""The subject of what belongs to no complaint: digests to staff, absences, the work of the night."""


def subject_of(workflow: str) -> str:
    """The subject of a workflow: a complaint's is its reference."""
    return workflow if re.fullmatch(r"CMP-[0-9]{4}-[0-9]{6,12}", workflow) else OFFICE
