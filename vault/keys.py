"""Opens what is sealed without an event loop: for the small servers and commands that have none."""

from sqlalchemy import create_engine, select
from sqlmodel import col

from vault.box import Box
from vault.keyring import DataKey, Keyring
from vault.master import Master


class Keys:
    """The boxes of subjects, read from the database each time."""

    def __init__(self, url: str, master: Master) -> None:
        self.engine, self.keyring = create_engine(url, hide_parameters=True), Keyring(master)

    def box(self, subject: str) -> Box | None:
        """The box of a subject; None when it has no key, or none any more."""
        query = select(col(DataKey.subject), col(DataKey.key_id), col(DataKey.master), col(DataKey.wrapped))
        query = query.where(col(DataKey.subject) == subject, col(DataKey.wrapped).is_not(None))
        with self.engine.connect() as db:
            rows = [(row[0], row[1], row[2], row[3] or b"") for row in db.execute(query)]
        return self.keyring.open_rows(rows).get(subject)
