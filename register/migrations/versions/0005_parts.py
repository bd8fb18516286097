"""who has a part in a case: departments, people, region, who handled it in this round."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005_parts"
down_revision = "0004_detours"
branch_labels = None
depends_on = None

# As complaints/access.py: parts_of says it of a case today, said once more in SQL for the rows that are there.
FILL = """
WITH round AS (
    SELECT reference, state, department, handler, opened_by,
        (state #>> '{round}')::int AS number,
        COALESCE((SELECT started_at FROM slaclock k WHERE k.reference = c.reference
            AND k.name = CASE WHEN (c.state #>> '{round}')::int = 1 THEN 'resolution'
                ELSE 'resolution_' || (c.state #>> '{round}') END), '-infinity') AS began
    FROM complaint c
), given AS (
    SELECT r.reference, a FROM round r, jsonb_array_elements(r.state -> 'assignments') a
    WHERE COALESCE((a ->> 'round')::int, 1) = r.number
), duty AS (
    SELECT r.reference, d FROM round r, jsonb_array_elements(r.state #> '{plan,duties}') d
    WHERE jsonb_typeof(r.state -> 'plan') = 'object' AND d ->> 'cancelled_at' IS NULL
), handled AS (
    SELECT reference, a ->> 'accepted_by' AS name FROM given
    UNION SELECT r.reference, s ->> 'by' FROM round r, jsonb_array_elements(r.state -> 'resolutions') s
        WHERE COALESCE((s ->> 'round')::int, 1) = r.number
    UNION SELECT reference, handler FROM round
), people AS (
    SELECT reference, name FROM handled
    UNION SELECT reference, opened_by FROM round
    UNION SELECT reference, state ->> 'owner' FROM round
    UNION SELECT reference, a ->> 'by' FROM given
    UNION SELECT t.reference, name FROM casetransfer t JOIN round r ON r.reference = t.reference AND t.at >= r.began,
        LATERAL (VALUES (t.by), (t.answered_by)) AS v(name)
    UNION SELECT duty.reference, name FROM duty, LATERAL (VALUES (d ->> 'owner'), (d ->> 'answered_by')) AS v(name)
    UNION SELECT reference, name FROM round,
        LATERAL (VALUES (state #>> '{incident,leader}'), (state #>> '{incident,acknowledged_by}')) AS v(name)
    UNION SELECT reference, task ->> 'owner' FROM round, jsonb_array_elements(state #> '{incident,tasks}') task
        WHERE jsonb_typeof(state -> 'incident') = 'object'
), departments AS (
    SELECT reference, department AS name FROM round
    UNION SELECT reference, d ->> 'department' FROM duty
    UNION SELECT reference, to_department FROM casetransfer WHERE answer IS NULL
)
UPDATE complaint c SET
    departments = ARRAY(SELECT name FROM departments p WHERE p.reference = c.reference AND name IS NOT NULL
        ORDER BY name COLLATE "C"),
    people = ARRAY(SELECT name FROM people p WHERE p.reference = c.reference AND name NOT IN ('process', 'customer')
        ORDER BY name COLLATE "C"),
    handled_by = ARRAY(SELECT name FROM handled p WHERE p.reference = c.reference
        AND name NOT IN ('process', 'customer') ORDER BY name COLLATE "C"),
    region = (SELECT to_region FROM casetransfer t WHERE t.reference = c.reference
        AND t.number = (c.state #>> '{assignments,-1,transfer}')::int)
"""


def names(column: str) -> sa.Column[list[str]]:
    return sa.Column(column, postgresql.ARRAY(sa.TEXT()), server_default=sa.text("'{}'"), nullable=False)


def upgrade() -> None:
    for column in ("departments", "people", "handled_by"):
        op.add_column("complaint", names(column))
    op.add_column("complaint", sa.Column("region", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.execute(FILL)
    for column in ("departments", "people"):
        op.create_index(f"complaint_{column}", "complaint", [column], postgresql_using="gin")


def downgrade() -> None:
    for column in ("people", "departments"):
        op.drop_index(f"complaint_{column}", table_name="complaint", postgresql_using="gin")
    for column in ("region", "handled_by", "people", "departments"):
        op.drop_column("complaint", column)
