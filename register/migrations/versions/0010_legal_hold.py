"""Legal holds."""

import sqlalchemy as sa
from alembic import op

revision = "0010_legal_hold"
down_revision = "0009_sealed"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "legalhold",
        sa.Column("reference", sa.String(), primary_key=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
    )
