"""What both peers do, the same as the product does and with its own pure rules: classify, route, clocks, letters.

They keep a case, its history and its clocks in tables; letters go out by SMTP under a Message-ID. What they leave out:
sealing, the audit log's chain, who may do what, other detours than the plain way, pages.
"""

import smtplib
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

from sqlalchemy import Connection, Engine, text

from complaints import sla
from complaints.classify import classify
from complaints.form import ComplaintForm
from complaints.routing import route
from policies.load import load

TABLES = """
CREATE SEQUENCE IF NOT EXISTS complaint_number;
CREATE TABLE IF NOT EXISTS complaint (
  reference text PRIMARY KEY, stage text NOT NULL, form jsonb NOT NULL, nature text, department text, handler text,
  email text, resolution jsonb, satisfaction int, received_at timestamptz NOT NULL, closed_at timestamptz);
CREATE TABLE IF NOT EXISTS event (
  reference text, seq int, at timestamptz NOT NULL, kind text NOT NULL, data jsonb, PRIMARY KEY (reference, seq));
CREATE TABLE IF NOT EXISTS clock (
  reference text, name text, due_at timestamptz NOT NULL, stopped_at timestamptz, breached_at timestamptz,
  heard_at timestamptz, PRIMARY KEY (reference, name));
CREATE INDEX IF NOT EXISTS clock_running ON clock (due_at) WHERE stopped_at IS NULL AND breached_at IS NULL;
CREATE TABLE IF NOT EXISTS letter (
  reference text, kind text, ordered_at timestamptz NOT NULL, sent_at timestamptz, PRIMARY KEY (reference, kind));
CREATE INDEX IF NOT EXISTS letter_waiting ON letter (ordered_at) WHERE sent_at IS NULL;
CREATE TABLE IF NOT EXISTS request (key text PRIMARY KEY, reference text NOT NULL);
"""
HANDLER = "SELECT count(*) FROM complaint WHERE handler = :handler AND stage <> 'closed'"
RESULT_OUT = """
UPDATE complaint c SET stage = 'callback' WHERE reference = :reference AND stage = 'feedback' AND NOT EXISTS (
  SELECT FROM letter l WHERE l.reference = c.reference AND l.kind IN ('result', 'satisfaction_request')
  AND l.sent_at IS NULL)
"""
POLICY = load()
HANDLERS = ("han", "mei", "li")


def make_tables(engine: Engine) -> None:
    """Once."""
    with engine.begin() as db:
        db.execute(text(TABLES))


def new_reference(engine: Engine, key: str) -> str:
    """The reference of a request; the same for the same key."""
    with engine.begin() as db:
        number = db.scalar(text("SELECT nextval('complaint_number')"))
        put = "INSERT INTO request VALUES (:key, :new) ON CONFLICT (key) DO UPDATE SET key = :key RETURNING reference"
        return str(db.scalar(text(put), {"key": key, "new": f"P-{number:08d}"}))


def note(db: Connection, reference: str, kind: str, data: str = "{}") -> None:
    """One line of the case's history; its row is locked, for acts and jobs write at the same moment."""
    db.execute(text("SELECT FROM complaint WHERE reference = :reference FOR UPDATE"), {"reference": reference})
    seq = "SELECT coalesce(max(seq), 0) + 1 FROM event WHERE reference = :reference"
    put = text(f"INSERT INTO event VALUES (:reference, ({seq}), :at, :kind, CAST(:data AS jsonb))")
    db.execute(put, {"reference": reference, "at": datetime.now(UTC), "kind": kind, "data": data})


def order(db: Connection, reference: str, *kinds: str) -> None:
    """Letters that have to go out."""
    put = text("INSERT INTO letter VALUES (:reference, :kind, :at) ON CONFLICT DO NOTHING")
    for kind in kinds:
        db.execute(put, {"reference": reference, "kind": kind, "at": datetime.now(UTC)})


def opened(db: Connection, reference: str, body: dict[str, Any]) -> None:
    """Classify, route, start the clocks, assign; nothing if that was done before."""
    if db.scalar(text("SELECT true FROM complaint WHERE reference = :r"), {"r": reference}):
        return
    form = ComplaintForm.model_validate({"received_at": datetime.now(UTC), **body})
    rules = POLICY.for_case(form.received_at.date())
    found, routed = classify(form, POLICY.classification, POLICY.version), route(form, POLICY.routing)
    load_of = {h: db.scalar(text(HANDLER), {"handler": h}) or 0 for h in HANDLERS}
    row = {
        "reference": reference, "form": form.model_dump_json(), "nature": found.nature, "department": routed.department,
        "handler": min(load_of, key=lambda h: load_of[h]), "received_at": form.received_at,
        "email": form.complainant.email if form.complainant else None,
    }  # fmt: skip
    put = """INSERT INTO complaint (reference, stage, form, nature, department, handler, received_at, email) VALUES
      (:reference, 'assigned', CAST(:form AS jsonb), :nature, :department, :handler, :received_at, :email)"""
    db.execute(text(put), row)
    for name in ("first_response", "resolution"):
        due = sla.start(name, form.received_at, rules).due_at
        put = "INSERT INTO clock VALUES (:reference, :name, :due)"
        db.execute(text(put), {"reference": reference, "name": name, "due": due})
    for kind in ("received", "classified", "assigned"):
        note(db, reference, kind)
    order(db, reference, "acknowledgement")


def acted(db: Connection, reference: str, act: str, body: str) -> None:
    """What a person does."""
    key, now = {"reference": reference}, datetime.now(UTC)
    stop = "UPDATE clock SET stopped_at = :now WHERE reference = :reference AND name = :name AND stopped_at IS NULL"
    stage, clock, letters = {
        "acceptance": ("in_progress", "first_response", ()),
        "resolution": ("feedback", "resolution", ("result", "satisfaction_request")),
        "callbacks": ("closed", None, ("closing",)),
    }[act]
    change = "stage = :stage, closed_at = CASE WHEN :stage = 'closed' THEN CAST(:now AS timestamptz) END"
    db.execute(text(f"UPDATE complaint SET {change} WHERE reference = :reference"), key | {"stage": stage, "now": now})
    if clock:
        db.execute(text(stop), key | {"name": clock, "now": now})
    note(db, reference, act, body)
    order(db, reference, *letters)


def breached(db: Connection, reference: str, name: str) -> None:
    """A clock has run out."""
    change = "UPDATE clock SET breached_at = due_at, heard_at = :now WHERE reference = :reference AND name = :name"
    db.execute(text(change), {"reference": reference, "name": name, "now": datetime.now(UTC)})
    note(db, reference, "breached")


def sent(db: Connection, reference: str, kind: str) -> None:
    """A letter is out; with the result out, it is time to call back."""
    key = {"reference": reference, "kind": kind, "now": datetime.now(UTC)}
    db.execute(text("UPDATE letter SET sent_at = :now WHERE reference = :reference AND kind = :kind"), key)
    note(db, reference, "letter_sent")
    db.execute(text(RESULT_OUT), {"reference": reference})


def send(port: int, reference: str, kind: str, email: str) -> None:
    """Hand a letter over to the mail server."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "bank@bank.example", email, f"{kind} {reference}"
    mail["Message-ID"] = f"<{reference}-{kind}@bank.example>"
    mail.set_content(f"您的投诉 {reference}: {kind}\n")
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        smtp.send_message(mail)


def case(db: Connection, reference: str) -> dict[str, Any]:
    """The case as the API answers it."""
    row = db.execute(text("SELECT * FROM complaint WHERE reference = :r"), {"r": reference}).mappings().one()
    clocks = db.execute(text("SELECT name, due_at FROM clock WHERE reference = :r"), {"r": reference}).mappings()
    held = {"department": row["department"], "handler": row["handler"]}
    return {"reference": reference, "stage": row["stage"], "assignment": held, "clocks": [dict(c) for c in clocks]}
