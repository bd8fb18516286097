"""The knowledge library, read and checked."""

from functools import cache
from pathlib import Path

from complaints.knowledge import Knowledge
from policies.files import FOLDER, read


@cache
def knowledge(folder: Path = FOLDER) -> Knowledge:
    """The library; raises BrokenPolicy with file, line and mend."""
    return read(folder / "knowledge.yaml", Knowledge)
