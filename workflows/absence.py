"""Somebody is on leave or gone: every case in which they have something to do is told."""

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.desk import Desk
from complaints.orders import Held, Person
from workflows.office import LOCAL


@workflow.defn
class StaffAbsence:
    """One person's absence; its ID is absence-<username>."""

    @workflow.run
    async def run(self, person: Person) -> list[str]:
        """Tell each case; gives the references of those told. What is given to whom, each case decides itself."""
        held: Held = await workflow.execute_local_activity_method(
            Desk.held_by, person, summary="what this person holds", **LOCAL
        )
        told = []
        for reference in held.references:
            try:
                await workflow.get_external_workflow_handle(reference).signal("staff_absent", person)
            except FailureError:
                continue  # it has ended meanwhile
            told.append(reference)
        return told
