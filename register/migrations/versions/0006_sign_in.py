"""sign-in: sessions, spent tokens, locks, service keys; which provider an account belongs to."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlmodel.sql.sqltypes import AutoString

revision = "0006_sign_in"
down_revision = "0005_parts"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("staff", sa.Column("provider", AutoString(), nullable=True))
    op.add_column("staff", sa.Column("subject", AutoString(), nullable=True))
    op.create_unique_constraint(None, "staff", ["provider", "subject"])
    op.create_table(
        "staffsession",
        sa.Column("id", AutoString(), primary_key=True),
        sa.Column("username", AutoString(), nullable=False),
        sa.Column("kind", AutoString(), nullable=False),
        sa.Column("way", AutoString(), nullable=False),
        sa.Column("origin", AutoString(), nullable=False),
        sa.Column("digest", AutoString(), nullable=False, unique=True),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("ended_why", AutoString(), nullable=True),
    )
    op.create_index(op.f("ix_staffsession_username"), "staffsession", ["username"])
    op.create_table(
        "spenttoken",
        sa.Column("digest", AutoString(), primary_key=True),
        sa.Column("session", AutoString(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )
    op.create_index(op.f("ix_spenttoken_session"), "spenttoken", ["session"])
    op.create_index(op.f("ix_spenttoken_at"), "spenttoken", ["at"])
    op.create_table(
        "signinlock",
        sa.Column("key", AutoString(), primary_key=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.Column("locked_until", MOMENT, nullable=True),
    )
    op.create_index(op.f("ix_signinlock_last_at"), "signinlock", ["last_at"])
    op.create_table(
        "servicekey",
        sa.Column("id", AutoString(), primary_key=True),
        sa.Column("username", AutoString(), nullable=False),
        sa.Column("digest", AutoString(), nullable=False, unique=True),
        sa.Column("scopes", postgresql.ARRAY(sa.TEXT()), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
    )
    op.create_index(op.f("ix_servicekey_username"), "servicekey", ["username"])


def downgrade() -> None:
    for name in ("servicekey", "signinlock", "spenttoken", "staffsession"):
        op.drop_table(name)
    op.drop_constraint("staff_provider_subject_key", "staff", type_="unique")
    op.drop_column("staff", "subject")
    op.drop_column("staff", "provider")
