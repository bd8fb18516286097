"""What a drill comes to: one model, written as JSON and, from the same, as a page for people."""

from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from run import demo
from run.drill import moves
from run.drill.judge import Finding, Happened, judge
from run.drill.play import DONE, Play, Step
from run.drill.script import HANDLER, Script
from run.drill.words import Both, both, phrase

Json = dict[str, Any]
OFFICE: Both = ("演练环境", "the drill itself")
CUSTOMER = "customer"


class MoveLine(BaseModel):
    """A move as planned, and what became of it."""

    number: int
    at: datetime
    user: str | None
    what: Both
    on: str | None
    expected: str
    happened: str
    detail: str
    ok: bool


class Line(BaseModel):
    """One thing that happened, at the time of the office's wall clock."""

    at: datetime
    on: str | None
    actor: str
    kind: str
    what: Both
    more: str = ""
    told: list[str] = []


class Report(BaseModel):
    """One drill, from its script to what came of it. All times but `played_at` are the office's wall clock."""

    name: str
    title: Both
    story: Both | None
    ok: bool
    broken: str | None
    begin: datetime
    end: datetime
    played_at: datetime
    real_seconds: float
    people: dict[str, str]
    moves: list[MoveLine]
    findings: list[Finding]
    complaints: list[Happened]
    timeline: list[Line]
    to_discuss: list[Both]
    lessons: list[Both] = [
        ("做得好的", "What went well"),
        ("不足之处", "What did not"),
        ("改进措施", "What we change"),
        ("责任人", "Who sees to it"),
        ("完成期限", "By when"),
    ]

    @property
    def covered(self) -> timedelta:
        """The time of the office that the drill covered."""
        return self.end - self.begin

    @property
    def clocks_kept(self) -> tuple[int, int]:
        """How many limits were kept, and how many broken."""
        states = [clock["state"] for one in self.complaints for clock in one.clocks]
        return states.count("met"), states.count("breached")

    @property
    def otherwise(self) -> list[str]:
        """What did not go as scripted, one line each."""
        lines = [self.broken] if self.broken else []
        for move in self.moves:
            if not move.ok:
                what = f"move {move.number} ({move.what[1]})"
                lines.append(f"{what}: expected {move.expected}, happened {move.happened}: {move.detail}")
        for f in self.findings:
            if not f.ok:
                lines.append(f"{f.about}: {f.what}: expected {f.expected}, happened {f.happened}")
        return lines

    @property
    def actors(self) -> dict[str, list[Line]]:
        """For each actor, what they did and what they were told, in order."""
        found: dict[str, list[Line]] = {}
        for line in self.timeline:
            for actor in dict.fromkeys([line.actor, *line.told]):
                found.setdefault(actor, []).append(line)
        return found


def report(play: Play, happened: list[Happened], played_at: datetime, real_seconds: float) -> Report:
    """Hold what came of the play against its script."""
    script = play.drill.script
    lines = [_move(step) for step in play.steps]
    findings = [finding for one in happened for finding in judge(script, one)]
    if unopened := [label for label in script.complaints if label not in play.held]:
        play.broken = play.broken or f"never opened: {', '.join(unopened)}"
    ok = play.broken is None and all(line.ok for line in lines) and all(f.ok for f in findings)
    return Report(
        name=script.name,
        title=(script.title.zh, script.title.en),
        story=(script.story.zh, script.story.en) if script.story else None,
        ok=ok,
        broken=play.broken,
        begin=script.begin,
        end=play.now,
        played_at=played_at,
        real_seconds=round(real_seconds, 1),
        people={person.username: person.name for person in demo.everybody()},
        moves=lines,
        findings=findings,
        complaints=happened,
        timeline=_timeline(script, play, happened),
        to_discuss=_to_discuss(happened, lines, findings),
    )


def _move(step: Step) -> MoveLine:
    return MoveLine(
        number=step.number,
        at=step.at,
        user=step.user,
        what=said(step),
        on=step.on,
        expected=step.expected,
        happened=step.happened,
        detail=step.detail,
        ok=step.happened == step.expected,
    )


def said(step: Step) -> Both:
    """What a move is called."""
    move = step.move
    if move.staff:
        state = both(move.staff.now)
        return f"{step.user} {state[0]}", f"{step.user} is {state[1]}"
    if move.letters:
        refuse = move.letters == "refuse"
        return ("邮件被拒收", "mail is refused") if refuse else ("邮件恢复接收", "mail is taken again")
    if move.worker:
        stops = move.worker == "stops"
        return ("处理程序停止", "the worker stops") if stops else ("处理程序恢复", "a worker starts")
    if move.waits:
        return f"等待：{move.waits.zh}", f"nothing but time: {move.waits.en}"
    name = move.does or "opens"
    return moves.words(name, "zh-CN"), moves.words(name, "en")


def _timeline(script: Script, play: Play, happened: list[Happened]) -> list[Line]:
    lines = [line for one in happened for line in _events(one)]
    for step in play.steps:
        if not step.move.does and not step.move.opens:
            lines.append(Line(at=step.at, on=None, actor="", kind="drill", what=said(step)))
        elif step.happened != DONE:
            zh, en = said(step)
            refused = f"{step.happened}: {step.detail}"
            what = (f"{zh}（被拒绝）", f"{en} (refused)")
            lines.append(
                Line(at=step.at, on=step.on, actor=step.user or HANDLER, kind="refused", what=what, more=refused)
            )
    return sorted(lines, key=lambda line: line.at)


def _events(one: Happened) -> list[Line]:
    told: dict[int, list[str]] = {}
    for seq, _, username in one.notices:
        told.setdefault(seq, []).append(username)
    lines = []
    for event in one.events:
        kind, data = event["kind"], event["data"]
        readers = [CUSTOMER] if kind == "letter_sent" else []
        lines.append(
            Line(
                at=event["at"],
                on=one.label,
                actor=str(event["by"]),
                kind=kind,
                what=_event(kind, data),
                more=_more(data),
                told=told.get(event["seq"], []) + readers,
            )
        )
    return lines


def _event(kind: str, data: Json) -> Both:
    """An event in words; an alarm says whose."""
    (zh, en), clock = both(kind), data.get("clock")
    return (f"{both(clock)[0]}：{zh}", f"{both(clock)[1]}: {en}") if isinstance(clock, str) else (zh, en)


LEFT_OUT = ("told", "clock", "number", "policy", "confidence", "entry")
CODES = ("letter", "way", "nature", "urgency", "kinds", "outcome")


def _more(data: Json) -> str:
    """The data of an event, for people: without what is said elsewhere on the line."""
    parts = []
    for name, value in data.items():
        if name in LEFT_OUT or value in (None, "", [], False) or (name == "late_by_seconds" and value < 60):
            continue
        values = [str(v) for v in value] if isinstance(value, list) else ["yes" if value is True else str(value)]
        if name in CODES:
            names = [both(v) for v in values]
            parts.append(f"{'、'.join(zh for zh, _ in names)} {', '.join(en for _, en in names)}")
        else:
            parts.append(f"{name.replace('_', ' ')} {'; '.join(values)}")
    return " · ".join(parts)


def _to_discuss(happened: list[Happened], lines: list[MoveLine], findings: list[Finding]) -> list[Both]:
    """What the drill itself puts on the agenda, planned or not."""
    found: list[Both] = []
    for one in happened:
        for clock in one.clocks:
            if clock["state"] == "breached":
                (zh, en), late = both(clock["name"]), span(timedelta(seconds=clock["lateness_seconds"]))
                found.append((f"{one.label}：{zh}超期 {late}", f"{one.label}: {en} broken, {late} late"))
        for letter in one.letters:
            if letter["state"] != "sent":
                (zh, en), state = both(letter["kind"]), both(letter["state"])
                found.append((f"{one.label}：{zh}{state[0]}", f"{one.label}: {en} {state[1]}"))
    for line in lines:
        if not line.ok:
            zh, en = line.what
            found.append((f"第{line.number}步：{zh}未如剧本", f"move {line.number}: {en} went otherwise"))
    for f in findings:
        if not f.ok:
            zh, en = phrase(f.what)
            found.append((f"{f.about}：{zh}与预期不符", f"{f.about}: {en} is not as expected"))
    return found


def span(length: timedelta) -> str:
    """`9 d 3 h`, `2 h 10 min`."""
    minutes = int(length.total_seconds()) // 60
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if n]
    return " ".join(parts[:2]) or "0 min"
