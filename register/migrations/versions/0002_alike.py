"""likely duplicates are found by customer and product."""

import sqlalchemy as sa
from alembic import op

revision = "0002_alike"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("complaint_received", "complaint", ["received_at"], unique=False)
    op.create_index("complaint_product", "complaint", ["product", "received_at"], unique=False)
    op.create_index(
        "complaint_customer_number",
        "complaint",
        [sa.text("lower(state #>> '{form,complainant,customer_number}')")],
        unique=False,
    )
    op.create_index(
        "complaint_email", "complaint", [sa.text("lower(state #>> '{form,complainant,email}')")], unique=False
    )
    op.create_index(
        "complaint_phone",
        "complaint",
        [sa.text("right(regexp_replace(state #>> '{form,complainant,phone}', '[^0-9]', '', 'g'), 8)")],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index("complaint_phone", table_name="complaint")
    op.drop_index("complaint_email", table_name="complaint")
    op.drop_index("complaint_customer_number", table_name="complaint")
    op.drop_index("complaint_product", table_name="complaint")
    op.drop_index("complaint_received", table_name="complaint")
