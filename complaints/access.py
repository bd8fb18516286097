"""Who may do what: the table in policies/access.yaml as a model, the parts of a case it speaks of, and the answer.

Asked before an act is done, never while it is done: by the API of every request, by the workflow in its validators.
"""

from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from complaints.case import Case
from complaints.errors import Refused
from complaints.names import Role
from complaints.records import CUSTOMER, PROCESS, Actor
from complaints.rule import Rule, Sourced

READ = "read"
"""The act that says which cases somebody may know of at all; any other case is unknown to them."""


class Scope(StrEnum):
    """How far a right reaches."""

    any = "any"
    bound = "bound"
    part = "part"
    own = "own"


MEANS: dict[Scope, str] = {
    Scope.any: "every case",
    Scope.bound: "cases the person's own department holds, and in their region where both have one; "
    "who belongs to no department is bound to none",
    Scope.part: "cases of `own`, and those in which the person's department has a part: it holds them, has a duty in "
    "their plan, or has been asked to take them over",
    Scope.own: "cases in which the person has a part by name: opened it, handles it or did so in this round, "
    "answers for it from first contact, owns a duty or task, was asked for an opinion, asked for or answered a "
    "transfer, assigned it, leads its incident",
}
"""What each scope means, as the documentation has it."""

Scopes = Annotated[
    frozenset[Scope], BeforeValidator(lambda said: [said] if isinstance(said, str) else said), Field(min_length=1)
]
Separated = Literal["opened", "handled", "asked"]
RouteName = Annotated[str, Field(pattern=r"^(GET|HEAD|POST|PUT|PATCH|DELETE) /\S*$")]
NOWHERE: frozenset[Scope] = frozenset()
BY_NAME = frozenset({Scope.own, Scope.part})
"""The scopes in which a part by name is enough; who supervises a department does so by nothing else."""


class Parts(BaseModel):
    """Who has a part in a case: where it is, who has to do with it, and whose work it is."""

    department: str | None = Field(default=None, description="that holds it")
    departments: list[str] = Field(default=[], description="that have a part in it, this one too")
    region: str | None = Field(default=None, description="to which it was transferred")
    people: list[str] = Field(default=[], description="who have a part in it by name")
    opened_by: str
    handled_by: list[str] = Field(default=[], description="in this round")


class Entry(Rule):
    """One route: what it does, and who may, how far. Without sign-in only where `public` says why."""

    does: Annotated[str, Field(pattern=r"^[a-z_]+$")]
    agent: Scopes = NOWHERE
    handler: Scopes = NOWHERE
    supervisor: Scopes = NOWHERE
    manager: Scopes = NOWHERE
    auditor: Scopes = NOWHERE
    ops: Scopes = NOWHERE
    admin: Scopes = NOWHERE
    customer: Literal["link"] | None = Field(default=None, description="the complainant does it by a personal link")
    public: Literal[True] | None = None
    why: Annotated[str, Field(min_length=3)] | None = Field(default=None, description="it needs no sign-in")
    separate: list[Separated] = Field(default=[], alias="not", description="whose hands it may not be in")

    @property
    def roles(self) -> list[Role]:
        """The roles that may, in the order of the house."""
        return [role for role in Role if getattr(self, role)]

    def scopes(self, who: Actor) -> frozenset[Scope]:
        """How far that person may, by all the roles they hold."""
        return NOWHERE.union(*(getattr(self, role) for role in who.roles))

    @model_validator(mode="after")
    def _open_or_closed(self) -> Self:
        if bool(self.public) == bool(self.roles):
            raise ValueError("either name the roles that may, or say `public: true` and why")
        if bool(self.public) != bool(self.why):
            raise ValueError("`public: true` and `why` go together")
        if self.customer and not self.public:
            raise ValueError("a customer has no account: a route for their link is public")
        return self


class Access(Sourced):
    """The whole table, by route. What is not in it is allowed to nobody."""

    routes: dict[RouteName, Entry]

    @model_validator(mode="after")
    def _sane(self) -> Self:
        known = [entry.does for entry in self.routes.values() if not entry.public]
        if twice := sorted({act for act in known if known.count(act) > 1}):
            raise ValueError(f"each act is the act of one route: {', '.join(twice)}")
        if READ not in known:
            raise ValueError(f"one route does `{READ}`: it says which cases somebody may know of")
        return self

    @cached_property
    def acts(self) -> dict[str, list[Entry]]:
        """The entries of each act; the customer's link has routes of its own."""
        acts: dict[str, list[Entry]] = {}
        for entry in self.routes.values():
            acts.setdefault(entry.does, []).append(entry)
        return acts

    def roles(self, act: str) -> list[Role]:
        """The roles that may do it to some case."""
        return [role for entry in self.acts.get(act, []) for role in entry.roles]

    def scopes(self, act: str, who: Actor) -> frozenset[Scope]:
        """How far that person may do it; empty when not at all."""
        return NOWHERE.union(*(entry.scopes(who) for entry in self.acts.get(act, [])))

    def knows_of(self, who: Actor, parts: Parts) -> bool:
        """Whether that person may know that there is such a case."""
        return within(self.scopes(READ, who), who, parts)

    def check_role(self, act: str, who: Actor, key: frozenset[str] | None = None) -> None:
        """Refuse who may do it to no case at all; `key`: the acts a service account's key is good for."""
        if key is not None and act not in key:
            raise Refused("not_allowed", f"this key is not for {act}")
        if not self.scopes(act, who):
            raise Refused("not_allowed", f"for {' or '.join(self.roles(act)) or 'nobody'}")

    def check(self, act: str, who: Actor, parts: Parts, asked_by: str | None = None) -> None:
        """Refuse who may not do it to this case; `asked_by`: who asked for what is to be decided."""
        entries = self.acts.get(act, [])
        if who.username == CUSTOMER:
            if not any(entry.customer for entry in entries):
                raise Refused("not_allowed", "not by a customer's link")
            return
        self.check_role(act, who)
        if not within(self.scopes(act, who), who, parts):
            raise Refused("not_yours", "neither you nor your department has this case in hand")
        hands: dict[Separated, list[str]] = {
            "opened": [parts.opened_by],
            "handled": parts.handled_by,
            "asked": [asked_by] if asked_by else [],
        }
        if had := [name for entry in entries for name in entry.separate if who.username in hands[name]]:
            raise Refused("own_work", f"whoever has {' and '.join(had)} it does not do this")


def within(scopes: frozenset[Scope], who: Actor, parts: Parts) -> bool:
    """Whether the case lies in one of these scopes of that person."""
    if Scope.any in scopes or (scopes & BY_NAME and who.username in parts.people):
        return True
    if Scope.part in scopes and who.department in parts.departments:
        return True
    near = who.department is None or (
        who.department == parts.department and (None in (who.region, parts.region) or who.region == parts.region)
    )
    return Scope.bound in scopes and near


def parts_of(case: Case) -> Parts:
    """The parts of a case as it stands; what was answered stays answered by name, so that a repeat finds its case."""
    held, plan, incident = case.assignment, case.plan, case.incident
    duties = [duty for duty in plan.duties if duty.cancelled_at is None] if plan else []
    given = [a for a in case.assignments if a.round == case.round]
    clock = case.clock("resolution")
    moved = [t for t in case.transfers if clock is None or t.at >= clock.started_at]  # in this round
    handled = [a.accepted_by for a in given] + [r.by for r in case.resolutions if r.round == case.round]
    handled += [held.handler] if held else []
    people = [case.opened_by, case.owner, *handled, *(a.by for a in given)]
    people += [name for t in moved for name in (t.by, t.answered_by)]
    people += [name for d in duties for name in (d.owner, d.answered_by)]
    people += [o.asked for o in case.opinions]
    if incident is not None:
        people += [incident.leader, incident.acknowledged_by, *(task.owner for task in incident.tasks)]
    departments = [held.department if held else None, *(d.department for d in duties)]
    departments += [case.transfer.to_department] if case.transfer else []
    by_transfer = next((t for t in case.transfers if held and t.number == held.transfer), None)
    return Parts(
        department=held.department if held else None,
        departments=_named(departments),
        region=by_transfer.to_region if by_transfer else None,
        people=_named(people),
        opened_by=case.opened_by,
        handled_by=_named(handled),
    )


def _named(names: list[str | None]) -> list[str]:
    return sorted({name for name in names if name is not None and name not in (PROCESS, CUSTOMER)})
