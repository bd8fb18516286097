"""What the hourly comparison and the nightly erasing look for is found by its age, however much lies beside it."""

import sqlalchemy as sa
from alembic import op

revision = "0016_by_age"
down_revision = "0015_reconcile"
branch_labels = None
depends_on = None


TO_ERASE = sa.text("erased_at IS NULL AND stage = 'closed'")


def upgrade() -> None:
    # On a big table they may have been built before, CONCURRENTLY (docs/upgrading.md).
    op.create_index("intake_started", "intake", ["started_at"], if_not_exists=True)
    op.create_index(
        "complaint_to_erase", "complaint", ["closed_at", "reference"], postgresql_where=TO_ERASE, if_not_exists=True
    )


def downgrade() -> None:
    op.drop_index("complaint_to_erase", "complaint")
    op.drop_index("intake_started", "intake")
