"""A case's process as its history says it is: replayed, the same workflow shows the state it has come to."""

from temporalio import workflow

from complaints.case import Case, Opening
from complaints.names import WORKFLOW_TYPE, Outcome
from workflows.complaint import Complaint

SEEN: dict[str, Case] = {}


@workflow.defn(name=WORKFLOW_TYPE)
class Seen(Complaint):
    """The same workflow; replayed, it shows the state its process has come to."""

    @workflow.init
    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        SEEN[opening.reference] = self.case

    @workflow.run
    async def run(self, opening: Opening) -> Outcome:
        return await super().run(opening)
