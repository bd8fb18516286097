"""What people can do in a drill: one line for each route of the API.

A new route is one line in MOVES. A new kind of number in a path is one line in PLACES.
"""

import re
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

MOVES: dict[str, str] = {
    "corrects": "POST /complaints/{ref}/classification",
    "assigns": "POST /complaints/{ref}/assignment",
    "accepts": "POST /complaints/{ref}/acceptance",
    "notes": "POST /complaints/{ref}/notes",
    "links": "POST /complaints/{ref}/links",
    "transfers": "POST /complaints/{ref}/transfers",
    "answers_transfer": "POST /complaints/{ref}/transfers/{transfer}/answer",
    "plans": "POST /complaints/{ref}/plan",
    "answers_duty": "POST /complaints/{ref}/duties/{duty}/answer",
    "changes_duty": "POST /complaints/{ref}/duties/{duty}/change",
    "asks_extension": "POST /complaints/{ref}/extension",
    "tells_extension": "POST /complaints/{ref}/extension/notice",
    "pauses": "POST /complaints/{ref}/pause",
    "resumes": "POST /complaints/{ref}/resume",
    "resolves": "POST /complaints/{ref}/resolution",
    "decides": "POST /approvals/{approval}/decision",
    "tells_result": "POST /complaints/{ref}/feedback",
    "calls_back": "POST /complaints/{ref}/callbacks",
    "reopens": "POST /complaints/{ref}/reopening",
    "withdraws": "POST /complaints/{ref}/withdrawal",
    "attaches_incident": "POST /complaints/{ref}/incident",
    "acknowledges": "POST /incidents/{incident}/acknowledgement",
    "logs": "POST /incidents/{incident}/log",
    "sets_task": "POST /incidents/{incident}/tasks",
    "finishes_task": "POST /incidents/{incident}/tasks/{task}/done",
    "hands_over": "POST /incidents/{incident}/handover",
    "answers_incident": "POST /incidents/{incident}/answer",
    "reports": "POST /incidents/{incident}/report",
    "stands_down": "POST /incidents/{incident}/standdown",
}
"""The name of a move, and the call it makes."""

WORDS: dict[str, tuple[str, str]] = {
    "opens": ("登记", "opens"),
    "corrects": ("更正或确认分类", "corrects or confirms the classification"),
    "assigns": ("指派", "assigns"),
    "accepts": ("接单", "accepts"),
    "notes": ("备注", "adds a note"),
    "links": ("关联", "links"),
    "transfers": ("转办", "transfers"),
    "answers_transfer": ("答复转办", "answers the transfer"),
    "plans": ("制定方案", "lays down the plan"),
    "answers_duty": ("提交部门意见", "answers their department's part"),
    "changes_duty": ("调整部门任务", "changes a department's part"),
    "asks_extension": ("申请延期", "asks for an extension"),
    "tells_extension": ("告知延期", "tells of the extension"),
    "pauses": ("中止计时", "pauses the limit"),
    "resumes": ("恢复计时", "resumes the limit"),
    "resolves": ("提交处理意见", "submits the resolution"),
    "decides": ("审批", "decides"),
    "tells_result": ("告知结果", "tells the result"),
    "calls_back": ("回访", "calls back"),
    "reopens": ("重新处理", "reopens"),
    "withdraws": ("撤诉", "withdraws for the customer"),
    "attaches_incident": ("并入重大事件", "attaches to an incident"),
    "acknowledges": ("启动应急响应", "takes up the major complaint"),
    "logs": ("记录处置", "writes the response log"),
    "sets_task": ("布置任务", "sets a task"),
    "finishes_task": ("完成任务", "finishes a task"),
    "hands_over": ("移交指挥", "hands over the lead"),
    "answers_incident": ("统一答复", "answers for all complaints of the incident"),
    "reports": ("提交处置报告", "closes the response with its report"),
    "stands_down": ("撤销应急", "stands the response down"),
}
"""What a report calls a move; one without words goes by its name."""


class NoSuchPlace(LookupError):
    """The case has nothing of the kind a move's path asks for."""


ENDS = ("decision", "answered_at", "done_at", "cancelled_at")


def _open(things: list[Json], user: str) -> Any:
    """The number of the one meant: of the person's own, where they have any, the last that is not finished."""
    own = [t for t in things if t.get("owner") == user] or things
    last = ([t for t in own if all(t.get(end) is None for end in ENDS)] or own)[-1]
    return last["id"] if "id" in last else last["number"]


PLACES: dict[str, Callable[[Json, str], Any]] = {
    "ref": lambda case, user: case["reference"],
    "approval": lambda case, user: _open(case["approvals"], user),
    "incident": lambda case, user: case["incident"]["id"],
    "transfer": lambda case, user: _open(case["transfers"], user),
    "duty": lambda case, user: _open(case["plan"]["duties"], user),
    "task": lambda case, user: _open(case["incident"]["tasks"], user),
}
"""What stands for the parts of a path, from the case's JSON and who acts; a move's `which` comes first."""


def path(move: str, case: Json, user: str, which: Json) -> str:
    """The path of that person's move on that case; raises NoSuchPlace."""

    def place(found: re.Match[str]) -> str:
        name = found[1]
        try:
            value = which[name] if name in which else PLACES[name](case, user)
        except (KeyError, IndexError, TypeError):
            raise NoSuchPlace(f"the case has no {name} yet; say which: {{{name}: …}} or move later") from None
        return str(value)

    return re.sub(r"\{(\w+)\}", place, MOVES[move].split()[1])


def words(move: str, language: str) -> str:
    """What a report calls that move."""
    zh, en = WORDS.get(move, (move, move.replace("_", " ")))
    return zh if language == "zh-CN" else en
