"""docs/access.md, written from the table: who may do what, as people read it."""

from complaints.access import MEANS, Access, Entry
from complaints.names import Role

HEAD = """# Who may do what

Written by `amends policy access` from [policies/access.yaml](../policies/access.yaml): change that file, then
`amends policy access > docs/access.md`.

The API asks the table before every request, in one place ([api/access.py](../api/access.py)), and the workflow's
validators ask it once more before every act, so that what got past the API changes nothing. A route without an entry is
allowed to nobody: the application does not start. Who holds several roles may do what any of them may. A case outside
what a person may `read` is answered as one that does not exist (404); one they may read and not act on, with 403. Lists
show what may be read, and nothing else.
"""


def page(table: Access) -> str:
    """The whole page, in Markdown."""
    closed = {route: entry for route, entry in table.routes.items() if not entry.public}
    separate = [(entry.does, entry.separate) for entry in closed.values() if entry.separate]
    parts = [
        HEAD,
        _rows(["how far", "means"], [[scope, text] for scope, text in MEANS.items()]),
        "## By route\n",
        _rows(["route", "act", *Role], [[f"`{r}`", e.does, *_reaches(e)] for r, e in closed.items()]),
        "The acts are also what a service account's key can be limited to.\n",
        "## Separation of duty\n",
        _rows(["act", "not by whoever has, of this case"], [[act, ", ".join(who)] for act, who in separate]),
        "`handled` is in this round; `asked` is who asked for what is to be decided.\n",
        "## Without sign-in\n",
        _rows(["route", "act", "why"], [[f"`{r}`", e.does, e.why or ""] for r, e in table.routes.items() if e.public]),
    ]
    return "\n".join(parts)


def _reaches(entry: Entry) -> list[str]:
    return [", ".join(sorted(getattr(entry, role))) or "–" for role in Role]


def _rows(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
