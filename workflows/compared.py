"""How a process is compared with its record in the register, and writes it again."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from complaints import messages as m
from complaints.case import Case
from complaints.standing import Standing, standing_of
from workflows.office import Office


class Compared(Office):
    """The queries that say where a case stands, and the update that has its record written once more."""

    @workflow.query(description="Where the case stands, to compare the register with")
    def standing(self) -> Standing:
        """What the register ought to say; settled when nothing of it waits to be written."""
        settled = bool(self.case.policy) and not self.case.unsaved and not self._saving.locked()
        return standing_of(self.case, settled=settled)

    @workflow.query(description="The whole case, to write the record of a process that has ended")
    def whole(self) -> Case:
        """The case as it is now."""
        return self.case

    @workflow.update(description="The register says something else: the record is written again")
    async def record_again(self) -> m.Receipt:
        """Write the record once more; it changes nothing where the register says the same."""
        await self.save(again=True)
        return m.Receipt(reference=self.case.reference, stage=self.case.stage, seq=self.case.seq)

    @record_again.validator
    def _record_again(self) -> None:
        if self.case.policy is None:
            raise ApplicationError("it is being received; repeat in a moment", type="unavailable", non_retryable=True)
