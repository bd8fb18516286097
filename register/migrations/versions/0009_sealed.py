"""Everything personal is sealed with the key of its case.

Rows that exist are sealed here, one case after another; the plain columns are gone afterwards. PostgreSQL keeps what
was deleted until the tables are rewritten: register.migrate does that after this migration.
"""

import base64
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from alembic import context, op
from pydantic import ValidationError
from sqlalchemy.dialects import postgresql

from complaints.form import Complainant
from register.sealing import FORM, NOTICE, STATE, divided, duty_place, event_place, indexes, letter_place, put
from vault.box import Box
from vault.index import blind
from vault.keyring import DataKey, Keyring

revision = "0009_sealed"
down_revision = "0007_audit"
branch_labels = None
depends_on = None

PLAIN = {
    "intake": ["form"],
    "complaint": ["matter", "state", "root_cause"],
    "caseevent": ["data"],
    "caseduty": ["task"],
    "caseassignment": ["why"],
    "sending": ["recipient", "subject", "body", "html", "pdf"],
    "boardnotice": ["title", "body"],
}
SEALED = {
    "intake": ["form"],
    "complaint": ["form", "state"],
    "caseevent": ["data"],
    "caseduty": ["task"],
    "sending": ["content"],
    "boardnotice": ["content"],
}
INDEXES = ["customer_number_index", "email_index", "phone_index"]


def upgrade() -> None:
    _keys()
    op.drop_index("complaint_customer_number", "complaint")
    op.drop_index("complaint_email", "complaint")
    op.drop_index("complaint_phone", "complaint")
    for table, columns in SEALED.items():
        for column in columns:
            op.add_column(table, sa.Column(f"sealed_{column}", sa.LargeBinary(), nullable=True))
    for column in [*INDEXES, "root_cause_index"]:
        op.add_column("complaint", sa.Column(column, sa.String(), nullable=True))
    op.add_column("complaint", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    _seal_what_is_there()
    for table, columns in PLAIN.items():
        for column in columns:
            op.drop_column(table, column)
    for table, columns in SEALED.items():
        for column in columns:
            op.alter_column(table, f"sealed_{column}", new_column_name=column)
    for column in INDEXES:
        op.create_index(f"complaint_{column.removesuffix('_index')}", "complaint", [column])


def _keys() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS vault")
    op.create_table(
        "data_key",
        sa.Column("subject", sa.String(), primary_key=True),
        sa.Column("key_id", sa.String(), nullable=False, unique=True),
        sa.Column("master", sa.String(), nullable=False, index=True),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("destroyed_at", sa.DateTime(timezone=True), nullable=True),
        schema="vault",
    )
    op.execute("GRANT USAGE ON SCHEMA vault TO amends_app")
    op.execute("GRANT SELECT, INSERT, UPDATE ON vault.data_key TO amends_app")


def _seal_what_is_there() -> None:
    db, keyring = op.get_bind(), Keyring(context.config.attributes["master"])
    secret = _make(db, keyring, "secret:index").key
    for (reference,) in _all(db, "SELECT reference FROM intake UNION SELECT reference FROM complaint"):
        box, one = _make(db, keyring, reference), {"reference": reference}
        for form, digest in _all(db, "SELECT form, body_hash FROM intake WHERE reference = :reference", **one):
            values = {"sealed_form": put(box, "intake.form", form), "body_hash": blind(secret, "body", digest)}
            _set(db, "intake", one, **values)
        _case(db, box, secret)


def _case(db: sa.Connection, box: Box, secret: bytes) -> None:
    one = {"reference": box.subject}
    for state, cause in _all(db, "SELECT state, root_cause FROM complaint WHERE reference = :reference", **one):
        form, rest = divided(state)
        person = None
        with suppress(ValidationError):
            person = form["complainant"] and Complainant.model_validate(form["complainant"])
        digest = blind(secret, "root_cause", cause.lower()) if cause else None
        sealed = {"sealed_form": put(box, FORM, form), "sealed_state": put(box, STATE, rest)}
        _set(db, "complaint", one, **sealed, **indexes(secret, person), root_cause_index=digest)
    for seq, data in _all(db, "SELECT seq, data FROM caseevent WHERE reference = :reference", **one):
        _set(db, "caseevent", one | {"seq": seq}, sealed_data=put(box, event_place(seq), data))
    for number, task in _all(db, "SELECT number, task FROM caseduty WHERE reference = :reference", **one):
        _set(db, "caseduty", one | {"number": number}, sealed_task=put(box, duty_place(number), task))
    letters = "SELECT number, recipient, subject, body, html, pdf FROM sending WHERE reference = :reference"
    for number, recipient, subject, body, html, pdf in _all(db, letters, **one):
        text = {"recipient": recipient, "subject": subject, "body": body, "html": html}
        text["pdf"] = None if pdf is None else base64.b64encode(pdf).decode()
        _set(db, "sending", one | {"number": number}, sealed_content=put(box, letter_place(number), text))
    for title, body in _all(db, "SELECT title, body FROM boardnotice WHERE reference = :reference", **one):
        _set(db, "boardnotice", one, sealed_content=put(box, NOTICE, {"title": title, "body": body}))
    for seq, username, data in _all(
        db, "SELECT seq, username, data FROM staffnotice WHERE reference = :reference", **one
    ):
        kept = {name: data[name] for name in ("clock", "due_at") if name in data}
        _set(db, "staffnotice", one | {"seq": seq, "username": username}, data=kept)


def _make(db: sa.Connection, keyring: Keyring, subject: str) -> Box:
    row = keyring.new_row(subject)
    db.execute(sa.insert(DataKey).values(row))
    return keyring.open_rows([(subject, row["key_id"], row["master"], row["wrapped"])])[subject]


def _all(db: sa.Connection, query: str, **values: Any) -> Iterator[Any]:
    yield from db.execute(sa.text(query), values).all()


def _set(db: sa.Connection, table: str, key: dict[str, Any], **values: Any) -> None:
    rows = sa.table(table, *(sa.column(c, postgresql.JSONB() if c == "data" else None) for c in [*key, *values]))
    db.execute(sa.update(rows).where(*(rows.c[c] == v for c, v in key.items())).values(values))
