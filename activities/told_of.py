"""What a letter says of the extension, pause, transfer, round or merger it tells of."""

from datetime import tzinfo

from sqlalchemy.ext.asyncio import AsyncEngine

from complaints.case import Case
from register import read


async def told_of(engine: AsyncEngine, case: Case, number: int, zone: tzinfo | None) -> dict[str, object]:
    """Fields of the LetterContext for the letter of that number; times in the bank's `zone`."""
    letter = next((known for known in case.letters if known.number == number), None)
    if letter is None:
        return {}
    if letter.kind == "merge_notice":
        return {"merged_into": case.merged_into}
    if letter.about is None:
        return {}
    match letter.kind:
        case "extension_notice":
            asked = case.extensions[letter.about - 1]
            due = {"old_due": asked.old_due_at.astimezone(zone), "new_due": asked.new_due_at.astimezone(zone)}
            return {**due, "reason": asked.reason}
        case "information_request":
            pause = case.pauses[letter.about - 1]
            again = any((k.kind, k.about) == (letter.kind, letter.about) for k in case.letters[: number - 1])
            return {"question": pause.question, "answer_by": pause.ends_at.astimezone(zone), "again": again}
        case "second_round":
            return {"reopened": any(c.round == letter.about - 1 for c in case.closings)}
        case "transfer_notice":
            names = {d["code"]: d for d in await read.departments(engine)}
            before, now = case.assignments[letter.about - 2 : letter.about]
            moved = next((t for t in case.transfers if t.number == now.transfer), None)
            place, same = names.get(before.department, {}), before.department == now.department
            return {
                "from_department_zh": place.get("zh"),
                "from_department_en": place.get("en"),
                "from_region": moved.from_region if moved and same else None,
                "to_region": moved.to_region if moved else None,
            }
    return {}
