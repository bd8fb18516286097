"""Indexes that answer the figures of the board without reading the sealed rows (docs/figures.md)."""

from alembic import op
from sqlalchemy import text

revision = "0013_figures"
down_revision = "0012_delegation"
branch_labels = None
depends_on = None

OF_RECEIVED = (
    *("reference", "closed_at", "department", "nature", "product", "channel"),
    *("customer_number_index", "merged_into"),
)
OF_CLOSED = (
    *("reference", "received_at", "department", "outcome", "round", "kinds", "satisfaction", "nps"),
    *("root_cause_index", "erased_at"),
)


def upgrade() -> None:
    op.drop_index("complaint_received", "complaint")
    op.create_index("complaint_received", "complaint", ["received_at"], postgresql_include=OF_RECEIVED)
    op.create_index("complaint_closed", "complaint", ["closed_at"], postgresql_include=OF_CLOSED)
    op.create_index(
        "complaint_open", "complaint", ["stage"],
        postgresql_include=("department", "due_at", "breached"), postgresql_where=text("closed_at IS NULL"),
    )  # fmt: skip
    op.create_index("complaint_cause", "complaint", ["root_cause_index", "number"])
    op.drop_index("complaint_customer_number", "complaint")
    op.create_index("complaint_customer_number", "complaint", ["customer_number_index", "received_at"])
    op.create_index(
        "clock_breach", "slaclock", ["reference", "name"],
        postgresql_include=("level",), postgresql_where=text("breached_at IS NOT NULL"),
    )  # fmt: skip
    op.create_index(
        "incident_under_way", "majorincident", ["declared_at"],
        postgresql_where=text("reported_at IS NULL AND stood_down_at IS NULL"),
    )  # fmt: skip
