"""How long closed complaints are kept."""

from functools import cache
from pathlib import Path

from complaints.retention import Retention
from policies.load import FOLDER, _read


@cache
def retention(folder: Path = FOLDER) -> Retention:
    """The rules; raises BrokenPolicy with file, line and mend."""
    return _read(folder / "retention.yaml", Retention)
