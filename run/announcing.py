"""What `amends run` says when everything is up."""

from rich.console import Console
from rich.table import Table

from complaints.names import Role
from run.settings import Settings

console = Console(stderr=True, soft_wrap=True)


def announce(settings: Settings, mail_port: int, password: str, seconds: float) -> None:
    """Say where everything is, and who can sign in."""
    base = "http://127.0.0.1"
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("API", f"{base}:{settings.api_port}  (documentation: {base}:{settings.api_port}/docs)")
    table.add_row("Temporal UI", f"{base}:{settings.temporal_ui_port}")
    table.add_row("Mailbox", f"{base}:{mail_port}  (letters and staff digests)")
    table.add_row("Data", str(settings.data.resolve()))
    table.add_row(
        "Demo staff",
        ", ".join(r.value for r in Role) + "; handler.<department>, supervisor.card_centre, head.office …",
    )
    table.add_row("Password", f"{password}  (all demo staff; people who do not exist)")
    console.print(f"[bold]Amends is ready[/] after {seconds:.1f} s. Ctrl-C stops everything.")
    console.print(table)
