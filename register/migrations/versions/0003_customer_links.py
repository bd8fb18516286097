"""customer links."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0003"
down_revision = "0002_alike"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "customerlink",
        sa.Column("hash", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("reference", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("letter", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index(op.f("ix_customerlink_reference"), "customerlink", ["reference"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_customerlink_reference"), table_name="customerlink")
    op.drop_table("customerlink")
