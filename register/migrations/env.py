"""How alembic reaches the database; called by register.migrate, never by alembic's own command line."""

from alembic import context
from sqlmodel import SQLModel

from register import audit_tables, detour_tables, tables

assert tables and detour_tables and audit_tables

context.configure(
    connection=context.config.attributes["connection"], target_metadata=SQLModel.metadata, compare_type=True
)
with context.begin_transaction():
    context.run_migrations()
