"""What code can hold on to in a register: its columns, what they must be told, its rules, the rights on it."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from register.connect import APP_ROLE

COLUMNS = """
SELECT table_schema || '.' || table_name, column_name, data_type,
  is_nullable = 'YES' OR column_default IS NOT NULL OR is_identity = 'YES' OR is_generated = 'ALWAYS'
FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema IN ('public', 'vault') AND table_type = 'BASE TABLE'
"""
RULES = """
SELECT n.nspname || '.' || t.relname, conname FROM pg_constraint c
  JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname IN ('public', 'vault') AND c.contype <> 'n'
UNION
SELECT n.nspname || '.' || t.relname, i.relname FROM pg_index x
  JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
  JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname IN ('public', 'vault') AND x.indisunique
"""
RIGHTS = """
SELECT table_schema || '.' || table_name, privilege_type FROM information_schema.role_table_grants
WHERE grantee = :role AND table_schema IN ('public', 'vault')
"""


@dataclass(frozen=True)
class Shape:
    """By table: each column's type and whether it may be left out; rules that refuse rows; what the parts may do."""

    columns: dict[str, dict[str, tuple[str, bool]]]
    rules: set[tuple[str, str]]
    rights: set[tuple[str, str]]


def shape(db: Connection) -> Shape:
    """That of this database."""
    columns: dict[str, dict[str, tuple[str, bool]]] = {}
    for table, column, kind, optional in db.execute(text(COLUMNS)):
        columns.setdefault(_short(table), {})[column] = (kind, optional)
    rules = {(_short(t), name) for t, name in db.execute(text(RULES))}
    return Shape(columns, rules, {(_short(t), right) for t, right in db.execute(text(RIGHTS), {"role": APP_ROLE})})


def _short(table: str) -> str:
    return table.removeprefix("public.")


def contracted(before: Shape, after: Shape) -> list[str]:
    """What code that was written for the one can no longer rely on in the other."""
    found = [f"table {table} is gone" for table in before.columns.keys() - after.columns.keys()]
    both = before.columns.keys() & after.columns.keys()
    for table in both:
        old, new = before.columns[table], after.columns[table]
        found += [f"{table}.{name} is gone" for name in old.keys() - new.keys()]
        for name, (kind, optional) in new.items():
            was, may = old.get(name, (kind, True))
            if was != kind:
                found.append(f"{table}.{name} is {kind}, was {was}")
            if may and not optional:
                found.append(f"{table}.{name} must be said")
    found += [f"{table}: new rule {rule}" for table, rule in after.rules - before.rules if table in both]
    lost = [(table, right) for table, right in before.rights - after.rights if table in both]
    return found + [f"{table}: {APP_ROLE} may no longer {right}" for table, right in lost]
