"""Who works in the seeded history: the staff of the register, by what they may do."""

from random import Random

from pydantic import BaseModel

from complaints.approving import LEVELS, level_of
from complaints.names import Role
from complaints.records import Actor
from complaints.rule import Told


class Crew(BaseModel):
    """Everybody who can act on a case."""

    staff: list[Actor]

    def lacks(self) -> list[str]:
        """Roles nobody has, without which no history can be told."""
        found = [role.value for role in (Role.agent, Role.handler, Role.supervisor) if not self.of(role)]
        return found if self.approvers("head_office") else [*found, "manager of the head office"]

    def of(self, role: Role, department: str | None = None) -> list[Actor]:
        """Who has that role, there or anywhere."""
        found = [who for who in self.staff if who.has(role)]
        return found if department is None else [who for who in found if who.department == department]

    def agent(self, dice: Random) -> Actor:
        """An agent."""
        return dice.choice(self.of(Role.agent))

    def manager(self, dice: Random) -> Actor:
        """A manager of the complaints office."""
        return dice.choice(self.approvers("manager"))

    def approvers(self, level: Told) -> list[Actor]:
        """Who may decide what needs that level; the nearest first is not asked for: anybody who may."""
        able = [w for w in self.staff if w.has(Role.supervisor, Role.manager)]
        return [w for w in able if LEVELS.index(level_of(w)) >= LEVELS.index(level)]

    def approver(self, level: Told, department: str, dice: Random) -> Actor:
        """Who decides what needs that level: somebody of just that level, of the department or of none, if there is."""
        able = self.approvers(level)
        near = [w for w in able if level_of(w) == level and w.department in (None, department)]
        return dice.choice(near or able)
