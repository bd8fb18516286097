"""Migrations only add: what the landed version reads and writes is still there while old and new parts run together.

A part starts on a register that is newer than its code, and on none that is older.
"""

from collections.abc import Callable

import pytest
from alembic import command
from keys import MASTER, register_at
from shape import Shape, contracted, shape
from sqlalchemy import Connection, create_engine, make_url, text

from register import migrate, schema

LANDED = {"0.3.0": "0010_legal_hold", "0.4.0": "0014_set_aside", "0.5.0": "0015_reconcile", "0.6.0": "0017_pruning"}
"""The versions an upgrade may begin from, and what each made of the register. The newest one comes last."""
CONTRACTED: dict[str, str] = {}
"""What was taken away on purpose, as the failure names it, and the landed version since which no code uses it."""

Fresh = Callable[[str], str]


@pytest.fixture
def fresh(owner_url: str) -> Fresh:
    """Makes an empty database of that name."""

    def made(name: str) -> str:
        with create_engine(owner_url, isolation_level="AUTOCOMMIT").connect() as server:
            server.execute(text(f"CREATE DATABASE {name}"))
        return make_url(owner_url).set(database=name).render_as_string(hide_password=False)

    return made


def at(url: str, version: str) -> None:
    """Bring it to that version."""
    engine = create_engine(url)
    with engine.connect() as db:
        command.upgrade(migrate._config(db, MASTER), version)
        db.commit()
    engine.dispose()


def shape_of(url: str) -> Shape:
    engine = create_engine(url)
    with engine.connect() as db:
        found = shape(db)
    engine.dispose()
    return found


@pytest.mark.parametrize("landed", LANDED)
def test_the_new_register_has_all_that_a_landed_version_uses(landed: str, fresh: Fresh) -> None:
    """If this fails: expand first, contract a version later (docs/upgrading.md)."""
    url = fresh(f"expand_{landed.replace('.', '_')}")
    at(url, LANDED[landed])
    before = shape_of(url)
    at(url, "head")
    lost = set(contracted(before, shape_of(url))) - CONTRACTED.keys()
    assert not lost, sorted(lost)


def test_what_was_taken_away_was_used_by_no_landed_version() -> None:
    assert set(CONTRACTED.values()) <= set(LANDED)


BREAKS = {
    "ALTER TABLE intake DROP COLUMN tries": "intake.tries is gone",
    "ALTER TABLE intake RENAME COLUMN tries TO attempts": "intake.tries is gone",
    "DROP TABLE casetransfer": "table casetransfer is gone",
    "ALTER TABLE intake RENAME TO inbox": "table intake is gone",
    "ALTER TABLE intake ALTER COLUMN set_aside SET NOT NULL": "intake.set_aside must be said",
    "ALTER TABLE intake ADD COLUMN must text NOT NULL": "intake.must must be said",
    "ALTER TABLE intake ALTER COLUMN tries DROP DEFAULT": "intake.tries must be said",
    "ALTER TABLE intake ALTER COLUMN tries TYPE smallint": "intake.tries is smallint, was integer",
    "ALTER TABLE intake ADD CONSTRAINT few CHECK (tries < 3)": "intake: new rule few",
    "CREATE UNIQUE INDEX one_try ON intake (tries)": "intake: new rule one_try",
    "REVOKE UPDATE ON intake FROM amends_app": "intake: amends_app may no longer UPDATE",
}


def altered(db: Connection, statement: str) -> list[str]:
    """What that statement takes away; it is undone again."""
    before = shape(db)
    db.execute(text(statement))
    found = contracted(before, shape(db))
    db.rollback()
    return found


def test_whatever_takes_something_away_is_seen_and_what_adds_is_not(fresh: Fresh) -> None:
    url = fresh("breaks")
    at(url, "head")
    engine = create_engine(url)
    with engine.connect() as db:
        assert {statement: altered(db, statement) for statement in BREAKS} == {s: [said] for s, said in BREAKS.items()}
        for statement in (
            "ALTER TABLE intake ADD COLUMN may text",
            "ALTER TABLE intake ADD COLUMN counted int NOT NULL DEFAULT 0",
            "CREATE TABLE more (id int PRIMARY KEY, what text NOT NULL)",
            "CREATE INDEX tries ON intake (tries)",
        ):
            assert altered(db, statement) == []
    engine.dispose()


async def test_a_part_starts_on_its_own_register_and_on_a_newer_one_alone(fresh: Fresh) -> None:
    url = fresh("too_old")
    register = register_at(url)
    with pytest.raises(schema.TooOld, match=r"at no version, this code needs \w+: run amends migrate first"):
        await schema.check(register)
    at(url, LANDED["0.3.0"])
    with pytest.raises(schema.TooOld, match="the register is at 0010_legal_hold"):
        await schema.check(register)
    at(url, "head")
    await schema.check(register)
    async with register.begin() as db:
        await db.execute(text("UPDATE alembic_version SET version_num = '9999_of_a_later_version'"))
    await schema.check(register)
    await register.dispose()


async def test_a_register_that_is_away_keeps_no_part_from_starting() -> None:
    register = register_at("postgresql+psycopg://nobody@127.0.0.1:1/none")
    await schema.check(register)
    await register.dispose()
