"""Complaints whose process cannot start are set aside, so that they hold up no others."""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString

revision = "0014_set_aside"
down_revision = "0013_figures"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("intake", sa.Column("tries", sa.Integer(), server_default="0", nullable=False))
    op.add_column("intake", sa.Column("set_aside", AutoString(), nullable=True))


def downgrade() -> None:
    op.drop_column("intake", "set_aside")
    op.drop_column("intake", "tries")
