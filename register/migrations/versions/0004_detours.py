"""extensions, transfers, duties, events of many complaints."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0004_detours"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "caseduty",
        sa.Column("reference", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("department", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("owner", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("task", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("breached_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("reference", "number"),
    )
    op.create_index(
        "duty_open",
        "caseduty",
        ["owner"],
        unique=False,
        postgresql_where=sa.text("answered_at IS NULL AND cancelled_at IS NULL"),
    )
    op.create_table(
        "caseextension",
        sa.Column("reference", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("clock", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("old_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("new_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("reference", "number"),
    )
    op.create_table(
        "casetransfer",
        sa.Column("reference", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("from_department", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("to_department", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("to_region", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("answer", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("handled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("reference", "number"),
    )
    op.create_index(
        "transfer_open", "casetransfer", ["to_department"], unique=False, postgresql_where=sa.text("answer IS NULL")
    )
    op.add_column(
        "caseapproval",
        sa.Column("purpose", sqlmodel.sql.sqltypes.AutoString(), server_default="resolution", nullable=False),
    )
    op.add_column("complaint", sa.Column("merged_into", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.add_column("complaint", sa.Column("incident_of", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.create_index(op.f("ix_complaint_incident_of"), "complaint", ["incident_of"], unique=False)
    op.add_column("majorincident", sa.Column("stood_down_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("majorincident", sa.Column("members", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("majorincident", "members")
    op.drop_column("majorincident", "stood_down_at")
    op.drop_index(op.f("ix_complaint_incident_of"), table_name="complaint")
    op.drop_column("complaint", "incident_of")
    op.drop_column("complaint", "merged_into")
    op.drop_column("caseapproval", "purpose")
    op.drop_index("transfer_open", table_name="casetransfer", postgresql_where=sa.text("answer IS NULL"))
    op.drop_table("casetransfer")
    op.drop_table("caseextension")
    op.drop_index(
        "duty_open", table_name="caseduty", postgresql_where=sa.text("answered_at IS NULL AND cancelled_at IS NULL")
    )
    op.drop_table("caseduty")
