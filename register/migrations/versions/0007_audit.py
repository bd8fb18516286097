"""the audit log, and the role of the parts at work, which may add to it and nothing else.

Tables made later by the same owner are covered by the default privileges: read, insert, update. A migration whose table
needs DELETE grants it, as here for caseevent.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from register.migrate import CannotMigrate

revision = "0007_audit"
down_revision = "0004_detours"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("change", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("origin", sa.String(), nullable=True),
        sa.Column("why", sa.LargeBinary(), nullable=True),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("source"),
    )
    op.create_index("audit_subject", "audit", ["subject", "seq"])
    op.create_index("audit_who", "audit", ["who", "seq"])
    op.create_index("audit_act", "audit", ["act", "seq"])
    op.create_index("audit_at", "audit", ["at"], postgresql_using="brin")
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("id = 1", name="audit_head_one_row"),
    )
    op.execute("INSERT INTO audit_head (id, seq, mac) VALUES (1, 0, '')")
    op.execute("""
        CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the audit log is only added to: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
        END $$
    """)
    op.execute("""
        CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
        FOR EACH STATEMENT EXECUTE FUNCTION audit_stays()
    """)
    op.execute("""
        CREATE TRIGGER audit_head_stays BEFORE DELETE OR TRUNCATE ON audit_head
        FOR EACH STATEMENT EXECUTE FUNCTION audit_stays()
    """)
    # ALWAYS: also for a session that switches triggers off with session_replication_role.
    op.execute("ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_stays")
    op.execute("ALTER TABLE audit_head ENABLE ALWAYS TRIGGER audit_head_stays")
    _role()
    _rights()


def _role() -> None:
    """The role amends_app; a DBA may have made it with a password, or give it to login roles of their own."""
    here = op.get_bind()
    if here.scalar(sa.text("SELECT true FROM pg_roles WHERE rolname = 'amends_app'")):
        return
    may = "SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user"
    if not here.scalar(sa.text(may)):
        raise CannotMigrate(
            "the role amends_app, as which worker and web work, is missing, and this user may not create roles. A "
            "database administrator runs:\n    CREATE ROLE amends_app LOGIN PASSWORD '...';\nthen run this again"
        )
    # Roles are the whole server's: another database of it may be migrated at this moment.
    op.execute("""
        DO $$ BEGIN CREATE ROLE amends_app NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
    """)


def _rights() -> None:
    op.execute("DO $$ BEGIN EXECUTE format('GRANT CONNECT ON DATABASE %I TO amends_app', current_database()); END $$")
    op.execute("GRANT USAGE ON SCHEMA public TO amends_app")
    op.execute("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO amends_app")
    op.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO amends_app")
    op.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE ON TABLES TO amends_app")
    op.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO amends_app")
    op.execute("GRANT DELETE ON caseevent TO amends_app")  # events that a repeated workflow task made never happen
    op.execute("REVOKE UPDATE ON audit FROM amends_app")
    op.execute("REVOKE INSERT ON audit_head FROM amends_app")
    op.execute("REVOKE INSERT, UPDATE ON alembic_version FROM amends_app")


def downgrade() -> None:
    op.drop_table("audit")
    op.drop_table("audit_head")
    op.execute("DROP FUNCTION audit_stays()")
    op.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM amends_app")
    op.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON SEQUENCES FROM amends_app")
    op.execute("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM amends_app")
    op.execute("REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM amends_app")
    op.execute("DO $$ BEGIN EXECUTE format('REVOKE ALL ON DATABASE %I FROM amends_app', current_database()); END $$")
    op.execute("REVOKE USAGE ON SCHEMA public FROM amends_app")
