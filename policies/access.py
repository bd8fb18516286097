"""The table of who may do what. Read once, as this module is imported: a workflow's validator may not read files."""

from pathlib import Path

from complaints.access import Access
from policies.files import FOLDER, read


def access(folder: Path = FOLDER) -> Access:
    """The table; raises BrokenPolicy with file, line and mend."""
    return read(folder / "access.yaml", Access)


TABLE = access()
