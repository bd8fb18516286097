"""What an act needs to be true of the register: people, departments, other complaints. Refused before it is sent."""

from datetime import UTC, datetime

from api.access import knows_of
from api.parts import Parts
from complaints.detours.merging import ANSWERED, LinkBody
from complaints.duplicates import one_answer
from complaints.errors import FieldError, Refused
from complaints.form import Complainant
from complaints.messages import ResolutionBody
from complaints.names import Outcome, Role, Stage, case_of
from complaints.records import Actor
from policies.access import TABLE
from policies.load import in_force
from policies.names import DEFAULT_JURISDICTION
from register import read, read_access, read_detours
from register.tables import Staff


async def known_assignee(
    here: Parts, department: str, handler: str | None, *, under: str = "", as_field: str = "handler"
) -> None:
    """Refuse a department or a handler that the register does not know, or who is not at work.

    `under` and `as_field` say where in the body they stand.
    """
    wrong: list[FieldError] = []
    if not any(d["code"] == department and d["open"] for d in await read.departments(here.engine)):
        wrong.append(
            FieldError(field=f"{under}department", code="unknown_department", message="no such open department")
        )
    if handler is not None:
        staff = await read.staff_member(here.engine, handler)
        if staff is None or Role.handler not in staff.roles or staff.department != department:
            wrong.append(
                FieldError(field=f"{under}{as_field}", code="unknown_handler", message="no such handler there")
            )
        elif staff.state != "working":
            wrong.append(FieldError(field=f"{under}{as_field}", code="not_at_work", message=f"is {staff.state}"))
    if wrong:
        raise Refused("invalid", "cannot be assigned so", errors=wrong)


def known_currency(body: ResolutionBody) -> None:
    """Refuse redress in a currency that the rules of today do not name."""
    amount, known = body.redress.amount, in_force(DEFAULT_JURISDICTION, datetime.now(UTC)).intake.currencies
    if amount is not None and amount.currency not in known:
        wrong = FieldError(
            field="redress.amount.currency", code="unknown_currency", message=f"one of: {', '.join(known)}"
        )
        raise Refused("invalid", "cannot be resolved so", errors=[wrong])


async def known_region(here: Parts, department: str, region: str | None) -> None:
    """Refuse a region in which that department has nobody at work."""
    if region is None or any(h["region"] == region for h in await read.handlers_with_load(here.engine, department)):
        return
    message = "nobody of that department is at work there"
    raise Refused("invalid", message, errors=[FieldError(field="region", code="unknown_region", message=message)])


async def known_person(here: Parts, username: str, field: str, *roles: Role) -> None:
    """Refuse somebody the register does not know, who is not at work, or holds none of these roles."""
    staff = await read.staff_member(here.engine, username)
    if staff is None or (roles and not any(r in staff.roles for r in roles)):
        message = f"nobody of that name who is {' or '.join(roles)}" if roles else "nobody of that name"
        raise Refused("invalid", message, errors=[FieldError(field=field, code="unknown_person", message=message)])
    if staff.state != "working":
        message = f"is {staff.state}"
        raise Refused("invalid", message, errors=[FieldError(field=field, code="not_at_work", message=message)])


async def may_decide(here: Parts, approval: str, username: str) -> Actor:
    """Who that is; refuse somebody who is not at work, or may not decide that approval of that case."""
    await known_person(here, username, "to", Role.supervisor, Role.manager)
    staff, parts = (
        await read.staff_member(here.engine, username),
        await read_access.parts(here.engine, case_of(approval)),
    )
    assert staff is not None and parts is not None  # both were just there
    person = actor(staff)
    try:
        TABLE.check("decide", person, parts, await read_access.asked_by(here.engine, approval))
    except Refused as refused:
        wrong = FieldError(field="to", code="may_not_decide", message=refused.message)
        raise Refused("invalid", "cannot be asked of that person", errors=[wrong]) from None
    return person


def actor(staff: Staff) -> Actor:
    """A member of staff as somebody who acts."""
    roles = [Role(role) for role in staff.roles]
    return Actor(username=staff.username, roles=roles, department=staff.department, region=staff.region)


async def may_be_linked(here: Parts, who: Actor, reference: str, body: LinkBody) -> None:
    """Refuse a link to a complaint that is not there for that person, and a merger into one that cannot answer both."""
    if body.reference == reference:
        return  # the case itself says so
    mine, other = [await read.complaint(here.engine, r) for r in (reference, body.reference)]
    wrong = None
    if other is None or not await knows_of(here, who, body.reference):
        wrong = ("unknown_complaint", "no such complaint")
    elif body.how == "merged" and mine is not None:
        if other["merged_into"] == reference:
            wrong = ("circle", "was merged into this one")
        elif other["stage"] == Stage.closed:
            wrong = ("closed", f"is closed: {other['outcome']}; link it as related, or reopen it")
        elif other["received_at"] > mine["received_at"]:
            wrong = ("younger", "was received later; merge the younger complaint into the older one")
        elif other["stage"] in ANSWERED:
            wrong = ("answered", "has its answer already; link it as related")
        elif not one_answer(*await _complainants(here, reference, body.reference)):
            wrong = ("other_customer", "is not known to be the same customer's; link it as related")
    if wrong:
        error = FieldError(field="reference", code=wrong[0], message=wrong[1])
        raise Refused("invalid", f"{body.reference} {wrong[1]}", errors=[error])


async def _complainants(here: Parts, *references: str) -> list[Complainant | None]:
    """Who complains in each; nobody where it is anonymous."""
    forms = await read.forms(here.engine, references)
    found = [forms[reference]["complainant"] for reference in references]
    return [Complainant.model_construct(**person) if person else None for person in found]


async def surviving(here: Parts, reference: str) -> str:
    """The complaint that goes on for this one: itself, unless it was merged."""
    for _ in range(20):
        row = await read.complaint(here.engine, reference)
        if row is None or row["outcome"] != Outcome.merged or row["merged_into"] is None:
            break
        reference = row["merged_into"]
    return reference


async def incident_under_way(here: Parts, incident: str) -> None:
    """Refuse an incident that is not there, or is over."""
    known = await read_detours.incident(here.engine, incident)
    if known is None or known["reported_at"] or known["stood_down_at"]:
        wrong = ("over", "the response has ended") if known else ("unknown_incident", "no such response")
        error = FieldError(field="incident", code=wrong[0], message=wrong[1])
        raise Refused("invalid", f"{case_of(incident)}: {wrong[1]}", errors=[error])
