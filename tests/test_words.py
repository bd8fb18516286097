"""Every text of the console in both languages: none is missing, and none is left over."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from jinja2 import nodes

from activities.templating import templates
from activities.wording import EVENTS
from api.pages.names import NAMES, WHAT
from api.pages.page import PLACES
from api.pages.sentences import FIELDS, REFUSALS, SENTENCES, SIZED
from api.pages.told import SAID
from api.pages.words import name, say
from complaints.clock import Unit
from complaints.disclosure import Purpose
from complaints.names import Channel, Kind, Nature, Outcome, Role, Stage, Urgency, Way
from complaints.policy import LETTER_KINDS
from complaints.records import Redress
from policies.load import load, versions
from policies.names import DEFAULT_JURISDICTION

ROOT = Path(__file__).parent.parent
DESK = ROOT / "templates" / "desk"
ALIKE = {"Amends"}


@cache
def chinese() -> dict[str, str]:
    """Every text of the Chinese catalogues; where two have one, the last."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "templates" / "words").glob("*.po")):
        with path.open("rb") as file:
            found |= {str(m.id): str(m.string) for m in read_po(file, abort_invalid=True) if m.id and not m.context}
    return found


@cache
def told_apart() -> dict[tuple[str, str], str]:
    """The texts that have a Chinese of their own as the name of something, by that and the text."""
    with (ROOT / "templates" / "words" / "zh_CN.po").open("rb") as file:
        return {(str(m.context), str(m.id)): str(m.string) for m in read_po(file) if m.context}


def looped(template: nodes.Template) -> Iterator[str]:
    """Texts that a loop says: `{% for key, label in (("name", "Name"), …) %} … _(label)`."""
    for loop in template.find_all(nodes.For):
        calls = [c for c in loop.find_all(nodes.Call) if isinstance(c.node, nodes.Name) and c.node.name == "_"]
        said = {c.args[0].name for c in calls if c.args and isinstance(c.args[0], nodes.Name)}
        names = [n.name for n in loop.target.find_all(nodes.Name)] or [getattr(loop.target, "name", "")]
        for row in getattr(loop.iter, "items", []):
            cells = row.items if isinstance(row, nodes.Tuple) else [row]
            yield from (c.value for n, c in zip(names, cells, strict=False) if n in said and isinstance(c, nodes.Const))


def in_templates() -> set[str]:
    """Every text of templates/desk/."""
    said = {str(text) for _, _, text, _, _ in extract_from_dir(DESK, method_map=[("**.html", "jinja2")])}
    env = templates("desk")
    return said.union(*(looped(env.parse(path.read_text("utf-8"))) for path in DESK.glob("*.html")))


def in_code() -> set[str]:
    """Every text that code says by `say`."""
    found = set()
    for path in (ROOT / "api").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "attr", getattr(call.func, "id", "")) == "say":
                last = call.args[-1]
                if isinstance(last, (ast.Constant, ast.IfExp)):
                    found |= {str(c.value) for c in ast.walk(last) if isinstance(c, ast.Constant) and c.value != ""}
    return {text for text in found if re.match(r"[A-Z%a-z]", text)}


def in_tables() -> set[str]:
    """Every text of the tables of words."""
    named = {text for what, table in NAMES.items() for text in table.values() if (what, text) not in told_apart()}
    tables = (SENTENCES, SIZED, FIELDS, REFUSALS, dict(PLACES), dict(SAID))
    return named | {text for table in tables for text in table.values()}


def in_sources() -> set[str]:
    """What the rules say of where a clock comes from, piece by piece."""
    every = [load(DEFAULT_JURISDICTION, at) for at in versions(DEFAULT_JURISDICTION)]
    said = {rules.source for policy in every for _, rules in policy.clocks if rules is not None}
    return {piece for text in said for piece in text.split("; ")}


def test_every_text_of_the_console_has_its_chinese() -> None:
    wanted = (in_templates() | in_code() | in_tables()) - ALIKE
    assert len(wanted) > 300
    missing = sorted(text for text in wanted if not chinese().get(text))
    assert not missing, "write these into templates/words/"


def test_no_catalogue_has_a_text_that_nothing_says() -> None:
    literal = " ".join(
        p.read_text("utf-8")
        for p in [*DESK.glob("*.html"), *(ROOT / "api").rglob("*.py"), ROOT / "register/audit_check.py"]
    )
    used = in_templates() | in_code() | in_tables() | in_sources()
    literal = re.sub(r"{[^{}\"]+}", "%s", literal)
    ways = {text: (f'"{text}"', f'"{text.replace("%s", "1")}"') for text in chinese()}  # a slot, or the number itself
    left = sorted(text for text, said in ways.items() if text not in used and not any(w in literal for w in said))
    assert not left, "take these out of templates/words/"


def test_what_is_told_apart_is_a_name_of_that_kind() -> None:
    assert told_apart()
    assert not [(what, text) for what, text in told_apart() if text not in NAMES.get(what, {}).values()]
    assert name("zh-CN", "nature", "product") == "产品类"
    assert name("zh-CN", "clock", "resolution_2") == "办结 2"


def test_the_chinese_has_chinese_in_it_and_the_same_slots_as_the_english() -> None:
    def slots(text: str) -> list[str]:
        return sorted(re.findall(r"%\(\w+\)s|%s", text))

    strange = {
        en: zh
        for en, zh in chinese().items()
        if slots(en) != slots(zh)
        or (not re.search(r"[\u4e00-\u9fff]", zh) and re.search(r"[a-z]{3}", re.sub(r"%\(\w+\)s", "", zh)))
    }
    assert not strange


def clocks() -> set[str]:
    every = [load(DEFAULT_JURISDICTION, at) for at in versions(DEFAULT_JURISDICTION)]
    return {clock for policy in every for clock, _ in policy.clocks}


CODES: dict[str, set[Any]] = {
    "stage": set(Stage), "outcome": set(Outcome), "nature": set(Nature), "urgency": set(Urgency), "kind": set(Kind),
    "channel": set(Channel), "way": set(Way), "role": set(Role), "letter": set(LETTER_KINDS), "clock": clocks(),
    "redress": set(get_args(Redress.model_fields["kind"].annotation)), "purpose_of_query": set(get_args(Purpose)),
    "product": set(load().intake.products), "unit": set(Unit),
}  # fmt: skip


@pytest.mark.parametrize("what", CODES)
def test_every_code_of_the_house_has_a_name(what: str) -> None:
    assert not {str(code) for code in CODES[what]} - set(NAMES[what])
    assert set(WHAT.values()) <= set(NAMES)


def test_every_label_of_the_classifier_has_a_name() -> None:
    labels = {rule.label for rule in load().classification.rules} | {"risk"}
    assert not {label for label in labels if name("zh-CN", "label", label) == label}


def noted() -> tuple[set[str], set[str]]:
    """The kinds of all events, and the keys of what they carry, as the code that notes them has them."""
    kinds, keys = set(), set()
    for room in ("complaints", "workflows"):
        for path in (ROOT / room).rglob("*.py"):
            for does in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(does, ast.FunctionDef | ast.AsyncFunctionDef):
                    notes = [c for c in ast.walk(does) if isinstance(c, ast.Call) and _named(c) == "note"]
                    kinds |= {str(k.value) for c in notes for k in _constants(c.args[0])}
                    if notes or does.name == "extension_data":
                        keys |= {str(k.value) for d in _data(does) for k in d.keys if isinstance(k, ast.Constant)}
    return kinds, keys


def _named(call: ast.Call) -> str:
    return getattr(call.func, "attr", "")


def _constants(node: ast.expr) -> list[ast.Constant]:
    """The codes an expression may be: of `a if … else b`, both ends."""
    if isinstance(node, ast.IfExp):
        return _constants(node.body) + _constants(node.orelse)
    return [node] if isinstance(node, ast.Constant) else []


def _data(does: ast.AST) -> Iterator[ast.Dict]:
    """The dictionaries of what events carry: `data = {…}`, `data |= {…}`, and those given to `note` itself."""
    for node in ast.walk(does):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Return):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if isinstance(node, ast.Return) or any(isinstance(t, ast.Name) and t.id == "data" for t in targets):
                yield from (d for d in ast.walk(node) if isinstance(d, ast.Dict))
        elif isinstance(node, ast.Call) and _named(node) == "note":
            yield from (d for d in ast.walk(node) if isinstance(d, ast.Dict))


def test_every_event_and_every_fact_it_carries_has_a_name_in_both_languages() -> None:
    kinds, keys = noted()
    assert len(kinds) > 50
    assert len(keys) > 30
    assert not kinds - set(EVENTS)
    assert not keys - set(NAMES["fact"])
    assert all(zh and en and name("en", "event", kind) for kind, (zh, en) in EVENTS.items())


def test_the_reader_s_language_decides() -> None:
    assert say("zh-CN", "My cases") == "我的个案"
    assert say("en", "My cases") == "My cases"
    assert name("zh-CN", "clock", "approval_2") == "审批 2"
