"""A second opinion, and with it how the forms of a case's page work: over HTTP, on real servers."""

import pytest
from desk import desk
from office import RESOLUTION, Office
from views import in_hand, kinds

COLLEAGUE = "handler.legal"


@pytest.fixture(scope="module")
async def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


async def test_a_colleague_who_is_asked_can_read_the_case_and_answers(office: Office) -> None:
    reference, handler = await in_hand(office)
    async with desk(office, handler) as mine, desk(office, COLLEAGUE) as theirs:
        await theirs.get(f"/desk/complaints/{reference}", 404)
        page = await mine.get(f"/desk/complaints/{reference}")
        asked = await mine.send(page, "/opinions", colleague=COLLEAGUE, question="合同第七条是否有效？")
        assert asked.status_code == 303, asked.text
        page = await theirs.get(f"/desk/complaints/{reference}")
        assert "合同第七条是否有效？" in page
        given = await theirs.send(page, "/opinions/1/answer", answer="有效，但须退还费用。")
        assert given.status_code == 303
        assert "有效，但须退还费用。" in await mine.get(f"/desk/complaints/{reference}")
    case = await office.case(reference)
    assert [(o["asked"], o["answer"]) for o in case["opinions"]] == [(COLLEAGUE, "有效，但须退还费用。")]
    assert kinds(await office.events(reference))[-2:] == ["opinion_asked", "opinion_given"]
    await office.act(COLLEAGUE, reference, "resolution", RESOLUTION, expect=403)
    again = await office.act(COLLEAGUE, reference, "opinions/1/answer", {"answer": "x"}, expect=409)
    assert "answered at" in again["detail"]


@pytest.mark.parametrize(
    ("colleague", "code"), [("nobody", "unknown_person"), ("agent", "unknown_person"), ("self", "oneself")]
)
async def test_who_cannot_be_asked_is_said_beside_the_field_and_the_question_stays(
    office: Office, colleague: str, code: str
) -> None:
    reference, handler = await in_hand(office)
    asked = {"colleague": handler if colleague == "self" else colleague, "question": "怎么办？"}
    refused = await office.act(handler, reference, "opinions", asked, expect=422)
    assert [(e["field"], e["code"]) for e in refused["errors"]] == [("colleague", code)]
    async with desk(office, handler) as mine:
        page = await mine.get(f"/desk/complaints/{reference}")
        answer = await mine.send(page, "/opinions", **asked)
        assert answer.status_code == 422 and 'aria-invalid="true"' in answer.text
        kept = mine.form(answer.text, "/opinions").fields
        assert (kept["colleague"], kept["question"]) == ([asked["colleague"]], ["怎么办？"])
    assert (await office.case(reference))["opinions"] == []


async def test_only_the_holder_asks_and_only_who_was_asked_answers(office: Office) -> None:
    reference, handler = await in_hand(office)
    body = {"colleague": COLLEAGUE, "question": "?"}
    await office.act("supervisor", reference, "opinions", body, expect=403)
    await office.act(handler, reference, "opinions", body)
    twice = await office.act(handler, reference, "opinions", body, expect=422)
    assert twice["errors"][0]["code"] == "asked_already"
    await office.act(handler, reference, "opinions/1/answer", {"answer": "x"}, expect=403)
    await office.act(COLLEAGUE, reference, "opinions/2/answer", {"answer": "x"}, expect=404)


async def test_the_same_form_sent_twice_is_one_act(office: Office) -> None:
    reference, handler = await in_hand(office)
    async with desk(office, handler) as mine:
        page = await mine.get(f"/desk/complaints/{reference}")
        for _ in range(2):
            answer = await mine.send(page, "/notes", text="已致电核实")
            assert answer.status_code == 303
    assert [n["text"] for n in (await office.case(reference))["notes"]] == ["已致电核实"]


async def test_who_acts_second_sees_what_the_first_did_and_loses_nothing(office: Office) -> None:
    reference, handler = await in_hand(office)
    async with desk(office, handler) as mine, desk(office, "agent") as agents:
        old = await mine.get(f"/desk/complaints/{reference}")
        await agents.send(await agents.get(f"/desk/complaints/{reference}"), "/notes", text="客户来电补充")
        held_back = await mine.send(old, "/pause", question="请提供流水", reason="需核对")
        assert held_back.status_code == 409 and "agent" in held_back.text and "已备注" in held_back.text
        assert (await office.case(reference))["pauses"] == []
        form = mine.form(held_back.text, "/pause").fields
        assert form["question"] == ["请提供流水"]
        again = await mine.send(held_back.text, "/pause")
        assert again.status_code == 303
    assert len((await office.case(reference))["pauses"]) == 1
