"""Approvals asked of somebody by name; an index of the running time limits that are broken."""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString

revision = "0012_delegation"
down_revision = "0011_health"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("caseapproval", sa.Column("delegated_to", AutoString(), nullable=True))
    broken = sa.text("stopped_at IS NULL AND breached_at IS NOT NULL")
    op.create_index("clock_broken", "slaclock", ["breached_at"], postgresql_where=broken)
