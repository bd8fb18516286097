"""Which approvals may be decided several at once."""

from functools import cache
from pathlib import Path

from complaints.together import Together
from policies.files import FOLDER, read


@cache
def together(folder: Path = FOLDER) -> Together:
    """The rule; raises BrokenPolicy with file, line and mend."""
    return read(folder / "together.yaml", Together)
