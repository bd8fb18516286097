"""The tables that turn the words of a foreign file into ours."""

from functools import cache
from pathlib import Path

from complaints.cfpb import Table
from policies.files import FOLDER, read


@cache
def cfpb(folder: Path = FOLDER) -> Table:
    """The table for the CFPB's public complaint file; raises BrokenPolicy with file, line and mend."""
    return read(folder / "cfpb.yaml", Table)
