"""A case moved without any server: acts and alarms in the order in which its workflow would apply them.

What workflows/complaint.py does step by step is done here at once; letters arrive when the driver says so.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from oracle_clocks import Almanac
from random_moves import AWAY, HANDLER, OTHER, Try

from complaints import acts, alarms, approving, procedure
from complaints import messages as m
from complaints.access import parts_of
from complaints.case import Case
from complaints.detours import extension, incident, pause, plan, rounds, transfer
from complaints.errors import Refused
from complaints.form import ComplaintForm
from complaints.names import Outcome, Role, Stage, Way
from complaints.policy import CasePolicy, LetterKind
from complaints.records import PROCESS, Actor, Classification, Event, Feedback
from policies.access import TABLE
from policies.load import calendar

Json = dict[str, Any]
DO: dict[str, tuple[Callable[..., None], type[m.Act]]] = {
    "correct": (acts.correct, m.Correct),
    "assign": (acts.assign, m.Assign),
    "accept": (acts.accept, m.Accept),
    "resolve": (acts.resolve, m.Resolve),
    "decide": (acts.decide, m.Decide),
    "delegate": (approving.delegate, m.Delegate),
    "tell": (acts.tell_result, m.TellResult),
    "call": (acts.call_back, m.CallBack),
    "withdraw": (acts.withdraw, m.Withdraw),
    "note": (acts.add_note, m.AddNote),
    "contact": (acts.add_note, m.AddNote),
    "extend": (extension.ask, extension.AskExtension),
    "notice": (extension.tell, extension.TellExtension),
    "pause": (pause.begin, pause.Pause),
    "resume": (pause.resume, pause.Resume),
    "transfer": (transfer.ask, transfer.Transfer),
    "answer_transfer": (transfer.answer, transfer.AnswerTransfer),
    "plan": (plan.file, plan.FilePlan),
    "duty": (plan.answer, plan.AnswerDuty),
    "change": (plan.change, plan.ChangeDuty),
    "reopen": (rounds.reopen, rounds.Reopen),
    "acknowledge": (incident.acknowledge, m.Acknowledge),
    "log": (incident.log_action, m.LogAction),
    "task": (incident.give_task, incident.GiveTask),
    "done": (incident.finish_task, incident.FinishTask),
    "report": (incident.report, m.Report),
    "stand_down": (incident.stand_down, incident.StandDown),
}

UPDATE = {
    "assign": "assign_to", "resolve": "submit_resolution", "tell": "tell_result", "call": "record_callback",
    "note": "add_note", "contact": "add_note", "notice": "tell_extension", "pause": "begin_pause",
    "transfer": "ask_transfer", "plan": "file_plan", "duty": "answer_duty", "change": "change_duty",
    "acknowledge": "acknowledge_major", "log": "log_major", "task": "give_task", "done": "finish_task",
    "report": "report_major",
}  # fmt: skip
"""The workflow's name of an act, where it is another one."""


def almanac(moved: timedelta = timedelta(0), zone: Any = None) -> Almanac:
    """The real Chinese working days, or the same moved by whole days into another zone."""
    cn = calendar("cn")
    off, extra = set(cn.days_off), set(cn.make_up_days)

    def works(day: date) -> bool:
        day -= moved
        return day in extra or (day.isoweekday() < 6 and day not in off)

    return Almanac(works, cn.opens, cn.closes, zone or cn.at(date(2026, 1, 1), cn.opens).tzinfo)


def actor(username: str) -> Actor:
    """A member of the demo staff."""
    role = {"head": Role.manager}.get(username.split(".")[0]) or Role(username.split(".")[0])
    department = username.split(".")[1] if "." in username else None
    department = "head_office" if username == "head.office" else department
    region = ("北京" if username.endswith(".2") else "上海") if role is Role.handler else None
    return Actor(username=username, roles=[role], department=department, region=region)


def message(one: Try, number: int) -> m.Act:
    """The request as its act."""
    parts = one.path.split("/")
    more: Json = {}
    if one.act in ("decide", "delegate"):
        more["approval_id"] = parts[2]
    if one.act == "delegate":
        more["person"] = actor(one.body["to"])
    elif one.act in ("answer_transfer", "duty", "change", "done"):
        more["number"] = int(parts[4])
    return DO[one.act][1].model_validate({**one.body, **more, "by": actor(one.user), "request_id": str(number)})


def bytes_of(case: Case) -> str:
    """The whole case but for the rules it carries."""
    return case.model_dump_json(exclude={"policy"})


class Flow:
    """One case, its time, its letters on the way, and everything that was noted."""

    def __init__(self, form: ComplaintForm, found: Classification, policy: CasePolicy, opened: datetime) -> None:
        self.case = Case(reference="CMP-2026-000001", form=form, opened_by="agent", opened_at=opened)
        self.now, self.events = opened, list[Event]()
        self.post: list[tuple[LetterKind, int | None]] = []
        self.wrote = 0
        procedure.receive(self.case, policy, opened)
        self.catch_up()
        procedure.classify(self.case, found, opened)
        self.step()

    # -- time --------------------------------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """As Office.catch_up."""
        if not self.case.over:
            alarms.sound(self.case, self.now)
            self.post_wanted()

    def forward(self, to: datetime) -> None:
        """Time passes with a worker there: each alarm is heard at its moment."""
        case = self.case
        while not case.over and (at := self._next()) is not None and at <= to:
            self.now = max(self.now, at)
            self.catch_up()
            if case.reopen_until and case.reopen_until <= self.now:
                case.reopen_until = None
                case.lingers = bool(case.incident and not case.incident.over())
        self.now = to

    def _next(self) -> datetime | None:
        ends = [self.case.next_alarm_at(), self.case.reopen_until]
        return min((e for e in ends if e), default=None)

    # -- letters -----------------------------------------------------------------------------------------------------

    def post_wanted(self) -> None:
        """As Office.post_wanted."""
        wanted, self.case.wanted = self.case.wanted, []
        person = self.case.form.complainant
        for letter in wanted:
            if person is not None and (person.email or person.phone):
                self.post.append((letter.kind, letter.about))
            elif person is not None and letter.kind == "extension_notice" and letter.about is not None:
                extension.by_person(self.case, letter.about, self.now)

    def deliver(self, *, sent: bool) -> None:
        """What is on its way arrives, or does not."""
        going, self.post = self.post, []
        for kind, about in going:
            if kind == "extension_notice" and about is not None:
                self.catch_up()
                extension.notice_done(self.case, about, 1, sent=sent, now=self.now)
            if kind == "result" and about == self.case.round and self.case.stage is Stage.feedback:
                if sent:
                    self._told("email", "process")
                elif self.case.feedback is None:
                    procedure.hand_to_person(self.case, self.now)
        self.step()

    def _told(self, way: Any, by: str) -> None:
        self.case.feedbacks.append(Feedback(at=self.now, round=self.case.round, way=way, by=by))

    # -- acts --------------------------------------------------------------------------------------------------------

    def act(self, one: Try, number: int) -> bool:
        """As Acts._check and Acts._do; False when it was refused, which must leave no trace."""
        act, do = message(one, number), DO[one.act][0]
        trial = self.case.model_copy(deep=True)
        if not trial.over:
            alarms.sound(trial, self.now)
        trial.wanted = []
        before = bytes_of(trial)
        asked_by = next((a.by for a in trial.approvals if a.id == getattr(act, "approval_id", None)), None)
        try:
            TABLE.check(UPDATE.get(one.act, one.act), act.by, parts_of(self.case), asked_by)
            do(trial, act, self.now)
        except Refused:
            assert bytes_of(trial) == before, f"{one.act} was refused and changed the case"
            return False
        self.catch_up()
        do(self.case, act, self.now)
        assert bytes_of(self.case) == bytes_of(trial), f"{one.act} did something else than on the copy"
        self.post_wanted()
        self.step()
        return True

    def step(self) -> None:
        """As Complaint.handle: the procedure goes as far as it can."""
        while self._step():
            pass
        self.events += self.case.unsaved
        self.case.unsaved = []

    def _step(self) -> bool:
        case, now = self.case, self.now
        if case.stage is Stage.closed:
            return False
        if case.withdrawn:
            return self._close(Outcome.withdrawn)
        if case.stage is Stage.received and not case.confirm:
            case.stage = Stage.classified
            return True
        if case.stage is Stage.classified:
            first = case.assignment is None
            handler = HANDLER if first or (case.assignment and case.assignment.handler != HANDLER) else OTHER
            procedure.give(case, "card_centre", handler, "free", PROCESS, now)
            if case.round == 1:
                procedure.registered(case, now)
            self.post_wanted()
            return True
        if case.stage is Stage.feedback:
            return self._feed_back()
        if case.stage is Stage.callback and (outcome := procedure.callback_outcome(case)) is not None:
            if rounds.another(case, outcome, now):
                self.post_wanted()
                return True
            return self._close(outcome)
        return False

    def _feed_back(self) -> bool:
        case, now = self.case, self.now
        if case.anonymous:
            self._told("notice_board", PROCESS)
            case.note("published", PROCESS, now)
            procedure.result_told(case, case.feedbacks[-1], now)
            return self._close(Outcome.anonymous_published)
        if case.feedback is not None:
            procedure.result_told(case, case.feedback, now)
            procedure.begin_callback(case, now)
            return True
        ways = case.rules.letters.ways[case.form.channel]["result"]
        written = ways[0] is not Way.spoken and case.form.complainant and case.form.complainant.email
        if self.wrote == case.round:
            return False
        self.wrote = case.round
        if written:
            self.post.append(("result", case.round))
        else:
            procedure.hand_to_person(case, now)
        return False

    def _close(self, outcome: Outcome) -> bool:
        procedure.close(self.case, outcome, self.now)
        self.post_wanted()
        return False

    # -- what the outside sees ---------------------------------------------------------------------------------------

    def view(self) -> Json:
        """As much of the case's JSON as moves and oracle look at."""
        parts = {"reference", "stage", "approvals", "transfers", "plan", "incident", "classification"}
        view = self.case.model_dump(mode="json", include=parts)
        held, form = self.case.assignment, self.case.form
        return view | {
            "assignment": {"handler": held.handler} if held else None,
            "complainant": None if form.complainant is None else {},
            "received_at": form.received_at,
        }

    def clocks(self) -> list[Json]:
        """The clocks as the API shows them."""
        return [
            {"name": name, "state": c.state()}
            | {k: getattr(c, k) for k in ("started_at", "due_at", "stopped_at", "breached_at", "changes")}
            for name, c in self.case.clocks.items()
        ]


assert AWAY  # named here for the reader: the receiver of transfers
