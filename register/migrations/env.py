"""How alembic reaches the database; called by register.migrate, never by alembic's own command line."""

from alembic import context
from sqlmodel import SQLModel

from register import audit_tables, detour_tables, reconcile_tables, sign_in_tables, tables
from vault import keyring

assert tables and detour_tables and audit_tables and reconcile_tables and sign_in_tables and keyring

context.configure(
    connection=context.config.attributes["connection"], target_metadata=SQLModel.metadata, compare_type=True
)
with context.begin_transaction():
    context.run_migrations()
