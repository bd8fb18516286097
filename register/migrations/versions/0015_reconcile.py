"""What comparisons of register and processes came to."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel.sql.sqltypes import AutoString

revision = "0015_reconcile"
down_revision = "0014_set_aside"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reconcilerun",
        sa.Column("at", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("compared", sa.Integer(), nullable=False),
        sa.Column("seeded", sa.Integer(), nullable=False),
        sa.Column("moving", sa.Integer(), nullable=False),
        sa.Column("found", JSONB(), nullable=False),
        sa.Column("mended", JSONB(), nullable=False),
        sa.Column("left_over", JSONB(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
    )
    op.create_table(
        "comparedcase",
        sa.Column("reference", AutoString(), primary_key=True),
        sa.Column("run", AutoString(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("digest", AutoString(), nullable=False),
    )
    op.execute("GRANT DELETE ON comparedcase TO amends_app")  # what is over goes


def downgrade() -> None:
    op.drop_table("comparedcase")
    op.drop_table("reconcilerun")
