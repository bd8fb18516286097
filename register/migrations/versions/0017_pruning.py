"""What is told and over is not kept for ever: old digests with their notices, customers' links, comparisons may go."""

import sqlalchemy as sa
from alembic import op

revision = "0017_pruning"
down_revision = "0016_by_age"
branch_labels = None
depends_on = None
GOES = "staffnotice, digest, customerlink, reconcilerun"


def upgrade() -> None:
    op.create_index("staff_notice_told", "staffnotice", ["digest"], postgresql_where=sa.text("digest IS NOT NULL"))
    op.execute(f"GRANT DELETE ON {GOES} TO amends_app")


def downgrade() -> None:
    op.execute(f"REVOKE DELETE ON {GOES} FROM amends_app")
    op.drop_index("staff_notice_told", "staffnotice")
