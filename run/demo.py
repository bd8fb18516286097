"""The demo office of `amends run`: departments of the routing table, and staff who do not exist."""

from argon2 import PasswordHasher
from sqlalchemy.ext.asyncio import AsyncEngine

from complaints.names import HEAD_OFFICE, Role
from complaints.policy import Department as NamedDepartment
from policies.load import load
from register import people
from register.tables import Staff

SKILLS: dict[str, list[str]] = {
    "personal_finance": ["account", "debit_card", "transfer"],
    "card_centre": ["credit_card"],
    "wealth_management": ["wealth", "insurance"],
    "risk_management": ["transfer", "insurance"],
    "loans_mortgage": ["loan", "mortgage"],
    "it_channels": ["mobile_banking"],
    "branch_operations": ["account", "merchant"],
    "collections": ["collections"],
}
OFFICE = [
    ("agent.zhou", "客服专员·演示甲", [Role.agent], None),
    ("agent.lin", "客服专员·演示乙", [Role.agent], None),
    ("supervisor.qian", "客服主管·演示甲", [Role.supervisor], None),
    ("supervisor.card_centre", "信用卡中心主管·演示", [Role.supervisor], "card_centre"),
    ("supervisor.loans_mortgage", "贷款部主管·演示", [Role.supervisor], "loans_mortgage"),
    ("manager.sun", "客服经理·演示甲", [Role.manager], None),
    ("head.office", "总行负责人·演示", [Role.manager], HEAD_OFFICE),
]
"""User name, name, roles, department: beside one user per role and two handlers in every department."""


async def furnish(engine: AsyncEngine, password: str, *, fixed: bool, hasher: PasswordHasher | None = None) -> None:
    """Make departments and demo staff that are missing; a fixed password is set for all of them again."""
    routing = load().routing
    hashed = (hasher or PasswordHasher()).hash(password)
    head_office = NamedDepartment(code=HEAD_OFFICE, zh="总行", en="Head office")
    await people.add_departments(engine, [*routing.departments, head_office])
    staff = everybody(hashed)
    await people.put_staff(engine, staff)
    if fixed:
        for person in staff:
            await people.change_staff(engine, person.username, password=hashed)


def everybody(password_hash: str = "") -> list[Staff]:  # nosec B107: nobody signs in with an empty hash
    """The demo staff of every department of the routing table."""
    return _people([d.code for d in load().routing.departments], password_hash)


def _people(departments: list[str], hashed: str) -> list[Staff]:
    office = [_person(role.value, f"演示 {role.value}", [role], None, hashed) for role in Role]
    for person in office:
        if person.username == Role.handler:
            person.department, person.skills = "personal_finance", SKILLS["personal_finance"]
    for code in departments:
        for number, region in ((1, "上海"), (2, "北京")):
            username = f"handler.{code}" if number == 1 else f"handler.{code}.{number}"
            office.append(_person(username, f"处理人员·演示 {code} {number}", [Role.handler], code, hashed, region))
    return office + [_person(username, name, roles, place, hashed) for username, name, roles, place in OFFICE]


def _person(
    username: str, name: str, roles: list[Role], department: str | None, hashed: str, region: str | None = None
) -> Staff:
    return Staff(
        username=username,
        name=name,
        email=f"{username}@staff.demo.example",
        roles=[r.value for r in roles],
        department=department,
        region=region,
        skills=SKILLS.get(department or "", []),
        password=hashed,
        demo=True,
    )
