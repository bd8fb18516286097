"""How late an alarm of a clock was heard, and what waits to go out: for the page of ops."""

import sqlalchemy as sa
from alembic import op

revision = "0011_health"
down_revision = "0010_legal_hold"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Alarms of before are not known to have been late or not: the page looks back a week, and fills by itself.
    op.add_column("caseevent", sa.Column("late_by", sa.Integer(), nullable=True))
    op.create_index(
        "event_alarms", "caseevent", ["at", "kind", "late_by"], postgresql_where=sa.text("late_by IS NOT NULL")
    )
    op.create_index("sending_open", "sending", ["state", "ordered_at"], postgresql_where=sa.text("state <> 'sent'"))
    op.create_index("digest_open", "digest", ["made_at"], postgresql_where=sa.text("done_at IS NULL"))
