"""How long closed complaints are kept."""

from functools import cache
from pathlib import Path

from complaints.retention import Retention
from policies.files import FOLDER, read


@cache
def retention(folder: Path = FOLDER) -> Retention:
    """The rules; raises BrokenPolicy with file, line and mend."""
    return read(folder / "retention.yaml", Retention)
