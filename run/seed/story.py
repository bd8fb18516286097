"""How the lives of complaints go: who does what, how long it takes, and what goes otherwise now and then."""

from typing import Any

from complaints import acts
from complaints import messages as m
from complaints.detours import extension, incident, pause, plan, transfer
from complaints.names import Kind, Role, Stage
from complaints.records import Actor
from run.seed.life import Life, Over
from run.seed.words import Told, answers

Json = dict[str, Any]


def live(life: Life, told: Told, redress: str, paid: str | None) -> None:
    """Tell this life until it has ended, or the present has come. `redress`: its kind, and what is paid."""
    try:
        _live(life, told, {"kind": redress} | ({"amount": {"value": paid, "currency": "CNY"}} if paid else {}))
    except Over:
        return


def _live(life: Life, told: Told, redress: Json) -> None:
    case, dice = life.case, life.dice
    agent = life.crew.agent(dice)
    if case.incident:
        _respond(life)
    if case.confirm:
        life.wait(dice.uniform(0.1, 5))
        life.act(acts.correct, m.Correct, agent, reason="核实后确认")
    if dice.random() < 0.03:
        life.wait(dice.uniform(1, 40))
        life.act(acts.withdraw, m.Withdraw, agent, reason="客户撤回投诉")
    while case.stage is not Stage.closed:
        _handle(life, told, redress)
        _tell(life, agent)
        _call_back(life, agent)
    if case.incident and not case.incident.over():
        life.wait(dice.uniform(1, 20))
        life.act(incident.report, m.Report, life.crew.manager(dice), text="事件已处置完毕，原因已查明，整改已落实。")


def _respond(life: Life) -> None:
    manager, dice = life.crew.manager(life.dice), life.dice
    life.wait(dice.uniform(0.2, 1.8) if dice.random() < 0.85 else dice.uniform(2, 6), at_night=True)
    life.act(incident.acknowledge, m.Acknowledge, manager)
    life.wait(dice.uniform(0.2, 3), at_night=True)
    life.act(incident.log_action, m.LogAction, manager, text="已控制影响范围，专人联系客户。")


def _holder(life: Life) -> Actor:
    held = life.case.assignment
    assert held is not None  # a case is given to a department before anything else
    there = life.crew.of(Role.handler, held.department) or life.crew.of(Role.handler)
    return next((w for w in there if w.username == held.handler), there[0])


def _handle(life: Life, told: Told, redress: Json) -> None:
    """From acceptance to the result, once more after each rejection."""
    case, dice = life.case, life.dice
    if case.stage is Stage.assigned:
        life.wait(dice.uniform(0.1, 3) if dice.random() < 0.93 else dice.uniform(6, 40))
        held = case.assignment
        if held and held.handler is None and not life.crew.of(Role.handler, held.department):
            other = dice.choice(life.crew.of(Role.handler))
            to = {"department": other.department, "handler": other.username, "reason": "主管指派"}
            life.act(acts.assign, m.Assign, life.crew.approvers("supervisor")[0], **to)
        life.act(acts.accept, m.Accept, _holder(life))
    if Kind.cross_department in case.kinds and case.plan is None:
        _plan(life)
    _detour(life)
    while life.stage() is Stage.in_progress:
        life.wait(_research(life))
        _resolve(life, told, redress)
        while life.stage() is Stage.awaiting_approval:
            _approve(life)
        if life.stage() is Stage.assigned:  # sent back, and somebody else was given it meanwhile
            life.act(acts.accept, m.Accept, _holder(life))


def _approve(life: Life) -> None:
    dice, asked, held = life.dice, life.case.open_approval, life.case.assignment
    assert asked is not None and held is not None  # that is what the stage means
    life.wait(dice.uniform(0.3, 4) if dice.random() < 0.9 else dice.uniform(5, 30))
    decision = "approve" if dice.random() < 0.93 else "reject"
    fields = {"approval_id": asked.id, "decision": decision, "reason": "审核意见"}
    life.act(acts.decide, m.Decide, life.crew.approver(asked.asked, held.department, dice), **fields)


def _research(life: Life) -> float:
    """Hours until the result: an easy one within the day, others a day or two; now and then beyond the limit."""
    dice, easy = life.dice, life.case.clocks.get("common")
    if dice.random() < 0.05:
        return dice.uniform(110, 260)
    return dice.uniform(0.3, 4) if easy and dice.random() < 0.85 else dice.lognormvariate(3.0, 0.7)


def _resolve(life: Life, told: Told, redress: Json) -> None:
    findings, responsibility, measures, reply = answers(told)
    fields: Json = {"findings": findings, "responsibility": responsibility, "measures": measures}
    fields |= {"reply": reply, "root_cause": told.cause, "redress": redress}
    if not life.act(acts.resolve, m.Resolve, _holder(life), **fields):
        raise AssertionError(f"a life that cannot be resolved: {life.case.stage}, {life.case.kinds}")


def _plan(life: Life) -> None:
    dice, holder = life.dice, _holder(life)
    others = [w for w in life.crew.of(Role.handler) if w.department != holder.department] or [holder]
    owners = dice.sample(others, min(2, len(others)))
    life.wait(dice.uniform(0.5, 12))
    duties = [
        {"department": w.department, "owner": w.username, "task": "核查本部门环节并答复", "working_days": 3}
        for w in owners
    ]
    life.act(plan.file, plan.FilePlan, holder, duties=duties)
    for number, owner in enumerate(owners, 1):
        life.wait(dice.uniform(3, 30))
        life.act(plan.answer, plan.AnswerDuty, owner, number=number, answer="已核查，情况属实。")


def _detour(life: Life) -> None:
    """What does not go straight: a note, a transfer, a pause, an extension."""
    case, dice, holder = life.case, life.dice, _holder(life)
    if dice.random() < (0.95 if "complex" in case.clocks else 0.3):
        life.wait(dice.uniform(0.3, 8) if dice.random() < 0.7 else 0)
        life.act(acts.add_note, m.AddNote, holder, text="已电话联系客户核实情况。", contact=dice.random() < 0.7)
    what = dice.random()
    if what < 0.05:
        _transfer(life)
    elif what < 0.08 and not case.anonymous:
        life.wait(dice.uniform(1, 8))
        life.act(pause.begin, pause.Pause, holder, question="请提供交易凭证。", reason="需核对凭证")
        life.wait(dice.uniform(10, 90))
        life.act(pause.resume, pause.Resume, life.crew.agent(dice), reason="客户已提供")
    elif what < 0.12:
        life.wait(dice.uniform(4, 30))
        amount = dice.randint(1, 5)
        if life.act(extension.ask, extension.AskExtension, holder, amount=amount, reason="需调阅历史单据"):
            life.wait(dice.uniform(0.3, 3))
            decision = "approve" if dice.random() < 0.85 else "reject"
            fields = {"approval_id": case.approvals[-1].id, "decision": decision, "reason": "审核意见"}
            approver = life.crew.approver(case.approvals[-1].asked, holder.department or "", dice)
            life.act(acts.decide, m.Decide, approver, **fields)


def _transfer(life: Life) -> None:
    dice, holder = life.dice, _holder(life)
    others = [w for w in life.crew.of(Role.handler) if w.department != holder.department]
    if not others:
        return
    receiver = dice.choice(others)
    life.wait(dice.uniform(0.5, 6))
    to = {
        "department": receiver.department,
        "reason": "属该部门业务",
        "done": "已核对基本情况",
        "help_needed": "核查处理",
    }
    if life.act(transfer.ask, transfer.Transfer, holder, **to):
        life.wait(dice.uniform(0.3, 5))
        answer = {"answer": "accepted"} if dice.random() < 0.85 else {"answer": "rejected", "reason": "不属本部门业务"}
        life.act(transfer.answer, transfer.AnswerTransfer, receiver, number=len(life.case.transfers), **answer)


def _tell(life: Life, agent: Actor) -> None:
    if life.case.stage is Stage.feedback:
        life.wait(life.dice.uniform(0.1, 3))
        life.act(acts.tell_result, m.TellResult, agent, answer="客户知悉")


def _call_back(life: Life, agent: Actor) -> None:
    case, dice = life.case, life.dice
    while case.stage is Stage.callback:
        life.wait(dice.uniform(3, 26) if dice.random() < 0.95 else dice.uniform(60, 120))
        if dice.random() < 0.22:
            life.act(acts.call_back, m.CallBack, agent, reached=False)
            continue
        satisfaction = dice.choices([1, 2, 3, 4, 5], [4, 6, 18, 40, 32])[0]
        nps = max(0, min(10, 2 * satisfaction + dice.randint(-2, 1)))
        rated = {"satisfaction": satisfaction, "nps": nps if dice.random() < 0.8 else None}
        life.act(acts.call_back, m.CallBack, agent, reached=True, **rated)
