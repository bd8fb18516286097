"""What the procedure does since edition 3, and that cases of an earlier edition go on as they began."""

from datetime import timedelta

import pytest
from given import HANDLER, NOW, opened

from complaints import acts
from complaints import messages as m
from complaints.case import Case
from complaints.detours import merging
from complaints.duplicates import one_answer
from complaints.form import Complainant
from complaints.names import Kind, Stage
from complaints.turns import News

HOUR = timedelta(hours=1)


def earlier(case: Case) -> Case:
    """The same case, begun in edition 2."""
    case.policy = case.rules.model_copy(update={"edition": 2})
    return case


def taken(*kinds: Kind) -> Case:
    """A case in the hands of `han`."""
    case = opened(*kinds)
    acts.accept(case, m.Accept(by=HANDLER, request_id="a"), NOW)
    return case


# -- merging ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "edition", "answer"),
    [
        (Stage.assigned, 3, "merge_taken"),
        (Stage.awaiting_approval, 3, "merge_taken"),
        (Stage.feedback, 3, "merge_refused"),
        (Stage.callback, 3, "merge_refused"),
        (Stage.closed, 3, "merge_refused"),
        (Stage.callback, 2, "merge_taken"),  # it goes on as it began
    ],
)
def test_a_complaint_whose_answer_is_out_takes_no_other_one_up(stage: Stage, edition: int, answer: str) -> None:
    case = taken() if edition == 3 else earlier(taken())
    case.stage = stage
    later = (NOW + HOUR).isoformat()
    merging.hear(case, News(kind="merge_asked", reference="CMP-2026-900002", by="agent", text=later), NOW)
    assert [e.news.kind for e in case.errands] == [answer]
    assert bool(case.links) == (answer == "merge_taken")


def test_one_answer_reaches_the_same_customer_or_two_whom_nobody_names() -> None:
    one, same, other = (
        Complainant(name="张伟", phone=phone) for phone in ("13800000001", "+8613800000001", "13900000002")
    )
    assert one_answer(one, same) and one_answer(None, None)
    assert not any(one_answer(*pair) for pair in ((one, other), (one, None), (None, one)))
