"""Two cases that have everything a route can name, each of another department, and somebody of every role."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from contract import ALL, new_word, sessions_of, token
from moves import HAND_ON, LATER
from office import PLAIN, Office

from complaints.names import Role
from register import people
from register.tables import Staff

Json = dict[str, Any]
OURS, THEIRS = "card_centre", "wealth_management"
MARK = new_word()
FORMS = {OURS: PLAIN, THEIRS: PLAIN | {"product": "wealth", "matter": "理财产品到期后迟迟不兑付本金和收益。"}}


@dataclass(frozen=True)
class Person:
    """A member of staff of these tests, as the oracle sees them."""

    username: str
    roles: tuple[str, ...]
    department: str | None = None


ONESELF = {"choose_language", "sign_out", "end_session", "end_sessions", "verify_audit"}
PAGES = {"look_up"}
SEVERAL = {"decide_together", "assign_together", "set_absence"}
"""Pages that do other acts, each held to its own entry, or an act of staff."""
NOT_OF_A_CASE = {*ONESELF, *PAGES, *SEVERAL, "decode", "encode", "disclose"}
"""Nothing is done to a case by them."""

EVERYBODY = [
    *(Person(f"own.{role}", (role.value,), OURS) for role in Role),
    Person("nobodys.supervisor", ("supervisor",)),
    Person("nobodys.handler", ("handler",)),
    Person("own.both", ("handler", "supervisor"), OURS),
    Person("own.all", ("agent", "handler", "supervisor"), OURS),
]
KNOWN = {person.username: person for person in EVERYBODY}


def staff(person: Person) -> Staff:
    return Staff(
        username=person.username, name="演示", email=f"{person.username}@staff.demo.example", roles=list(person.roles),
        department=person.department, skills=[], password="-", demo=True,
    )  # fmt: skip


async def furnish(office: Office) -> None:
    """They are there, away from home so that no case is routed to them, and signed in."""
    await people.put_staff(office.engine, [staff(person) for person in EVERYBODY])
    for person in EVERYBODY:
        await people.change_staff(office.engine, person.username, state="leave")
    handlers = [f"handler.{code}" for code in (OURS, THEIRS, "legal", "collections")]
    await sessions_of(office.engine, *KNOWN, *handlers)
    office.tokens |= {name: token(sub=name) for name in [*KNOWN, *handlers, *ALL]}


async def everything(office: Office, department: str) -> Json:
    """A case of that department in its handler's hands, with a duty, an approval, a transfer and an incident's task."""
    case = await office.open(FORMS[department] | {"matter": f"{FORMS[department]['matter']}{MARK}"})
    reference, handler = case["reference"], f"handler.{department}"
    holds = {"department": department, "handler": handler, "reason": "主管指派"}
    await office.act("supervisor", reference, "assignment", holds)
    await office.act(handler, reference, "acceptance")
    kinds = {"kinds": ["major", "cross_department"], "reason": "核实"}
    await office.act("agent", reference, "classification", kinds)
    await office.post("manager", f"/incidents/{reference}-M1/acknowledgement")
    task = {"owner": "handler.collections", "text": "核对"}
    await office.post("manager", f"/incidents/{reference}-M1/tasks", task)
    duty = {"department": "legal", "owner": "handler.legal", "task": "核查", "working_days": 2}
    await office.act(handler, reference, "plan", {"duties": [duty]})
    await office.act(handler, reference, "extension", LATER)
    await office.act(handler, reference, "transfers", HAND_ON | {"department": "loans_mortgage"})
    await office.forward(reference, timedelta(seconds=1))  # the letters are out
    return await office.case(reference)


async def two_cases(office: Office) -> dict[str, Json]:
    """One of each department, by department."""
    await furnish(office)
    made = await asyncio.gather(*(everything(office, department) for department in (OURS, THEIRS)))
    return dict(zip((OURS, THEIRS), made, strict=True))
