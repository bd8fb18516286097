"""What every opening asks the register is read by indexes, however many complaints it holds."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from keys import MASTER
from sqlalchemy import create_engine, func, make_url, select, text
from sqlalchemy.dialects import postgresql
from sqlmodel import col

from complaints.orders import ClosedCase
from register import detour_tables as d
from register import tables as t
from register.erasure import due_query
from register.migrate import migrate
from register.read_detours import incident_forms_query
from register.reconciling import without_record_query
from vault.keyring import to_rewrap

SINCE = datetime.now(UTC) - timedelta(days=1)
SMALL = ("seqscan", "hashjoin", "mergejoin", "bitmapscan", "sort")
"""What is quick in the small tables of a test, and slow in large ones."""


@pytest.fixture(scope="module")
def empty(owner_url: str) -> str:
    """The register's tables with nothing in them: what other tests leave behind would change the plans."""
    with psycopg.connect(owner_url.replace("+psycopg", ""), autocommit=True) as server:
        server.execute("CREATE DATABASE plans")
    url = make_url(owner_url).set(database="plans").render_as_string(hide_password=False)
    migrate(url, MASTER)
    return url


def plan_of(owner_url: str, query: Any) -> str:
    """How PostgreSQL would read it from a large table."""
    said = query.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    engine = create_engine(owner_url)
    with engine.connect() as db:  # nothing of it is kept
        db.execute(text("DROP INDEX complaint_product"))  # of use with the few of a test, and not with many
        for way in SMALL:
            db.execute(text(f"SET LOCAL enable_{way} = off"))
        plan = "\n".join(db.execute(text(f"EXPLAIN {said}")).scalars())
    engine.dispose()
    return plan


def test_the_incident_a_complaint_may_belong_to_is_found_from_the_few_that_are_under_way(empty: str) -> None:
    plan = plan_of(empty, incident_forms_query(SINCE, "credit_card"))
    assert "Index Cond: ((incident_of)::text = (majorincident.reference)::text)" in plan, plan
    assert plan.count("incident_under_way") == 2, plan


def test_the_hourly_comparison_looks_at_what_was_started_lately_alone(empty: str) -> None:
    now = datetime.now(UTC)
    plan = plan_of(empty, without_record_query(now, SINCE))
    assert "Index Scan using intake_started on intake" in plan and "(started_at >= " in plan, plan
    assert "(started_at >= " not in plan_of(empty, without_record_query(now, None)), "by hand all are looked at"


@pytest.mark.parametrize("after", [None, ClosedCase(closed_at=SINCE, reference="CMP-2026-000001")])
def test_the_nightly_erasing_walks_over_none_that_is_erased(empty: str, after: ClosedCase | None) -> None:
    query = due_query("cn", SINCE, after, 200)
    assert "erased_at IS NULL AND stage = 'closed'" in str(query), "as the index has it, whatever the plan is made for"
    plan = plan_of(empty, query)
    assert "Index Scan using complaint_to_erase on complaint" in plan and "Sort" not in plan, plan
    assert after is None or re.search(r"Index Cond: .*ROW\(closed_at, \(reference\)::text\) > ROW\(", plan), plan


def test_turning_the_master_key_goes_on_behind_what_is_done(empty: str) -> None:
    plan = plan_of(empty, to_rewrap("new", "CMP-2026-000001", 500))
    assert "Index Scan using data_key_pkey on data_key" in plan and "Index Cond: ((subject)::text > " in plan, plan


def test_a_plan_that_reads_every_complaint_is_seen(empty: str) -> None:
    """Once it was asked so: of each complaint, which it belongs to, and whether that one is under way."""
    lead = func.coalesce(col(t.Complaint.incident_of), col(t.Complaint.reference))
    every = select(col(t.Complaint.form)).join(d.MajorIncident, col(d.MajorIncident.reference) == lead)
    assert "Index Cond: ((incident_of)" not in plan_of(empty, every)
