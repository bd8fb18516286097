"""How long a closed complaint is kept before its key is destroyed (R14.4), and what was told and is over."""

from datetime import date, datetime

from pydantic import BaseModel, Field


class RetentionRule(BaseModel, extra="forbid"):
    """Kept for `years` after it was closed; in force `since` that day."""

    since: date
    years: int = Field(ge=5, le=100, description="at least the five years that the audit log is kept")
    source: str


class KeptFor(BaseModel, extra="forbid"):
    """Taken away that many days after it was over."""

    days: int = Field(ge=30, le=3650)
    source: str


class PrunedRules(BaseModel, extra="forbid"):
    """Staff digests with their notices, since they were done; customers' links, since they expired; comparisons."""

    digests: KeptFor
    links: KeptFor
    comparisons: KeptFor


class Retention(BaseModel, extra="forbid"):
    """The rules of every jurisdiction, oldest first, and of what is no record of a case."""

    jurisdictions: dict[str, list[RetentionRule]]
    pruned: PrunedRules

    def kept_from(self, jurisdiction: str, now: datetime) -> datetime:
        """What was closed before that moment is to be erased now."""
        rule = [r for r in self.jurisdictions[jurisdiction] if r.since <= now.date()][-1]
        day = 28 if (now.month, now.day) == (2, 29) else now.day
        return now.replace(year=now.year - rule.years, day=day)
