"""Every letter, in both languages: none missing, each says what it must; `python tests/test_letters.py` writes docs/letters.md anew."""

import re
import sys
from datetime import datetime
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from activities.letter_page import blocks
from activities.render import NOTICE_BOARD, MissingValue, render
from complaints.names import Outcome, Stage, Way
from complaints.policy import LETTER_KINDS
from complaints.records import Redress

if __name__ == "__main__":  # pytest is told where the samples are, a script is not
    sys.path.insert(0, str(Path(__file__).parent / "support"))

from letter_samples import CHINESE, LANGUAGES, LINK, SAMPLES, SHANGHAI, changed

DOCS = Path(__file__).parents[1] / "docs" / "letters.md"
FORMS = [*product(LETTER_KINDS, Way), ("notice", NOTICE_BOARD)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("kind", "way"), FORMS)
def test_every_letter_renders_in_every_form(kind, way, language):
    letter = render(kind, way, SAMPLES[language])
    assert "CMP-2026-000042" in letter.subject
    assert "\n" not in letter.subject
    assert (letter.html is not None) == (way in (Way.email, NOTICE_BOARD))
    assert (letter.pdf is not None) == (way == Way.post)
    assert "CMP-2026-000042" in letter.text
    assert not re.search(r"<\w|&\w+;|\{\{|None|Undefined", letter.text), "leftovers of a template"
    assert letter == render(kind, way, SAMPLES[language]), "a retry writes the same letter"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", [*LETTER_KINDS, "notice"])
def test_no_letter_is_missing(kind, language):
    folder = files("templates") / "letters" / language
    assert (folder / f"{kind}.html").is_file(), f"write templates/letters/{language}/{kind}.html (how-to/add-a-letter)"
    if kind != "notice":
        assert (folder / f"{kind}.sms.txt").is_file(), f"write templates/letters/{language}/{kind}.sms.txt"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_stage_outcome_and_redress_has_words(language):
    for stage in Stage:
        render("progress", Way.sms, changed(language, stage=stage))
    for outcome in set(Outcome) - {Outcome.anonymous_published}:
        render("closing", Way.email, changed(language, outcome=outcome))
    for kind in get_args(Redress.model_fields["kind"].annotation):
        render("result", Way.email, changed(language, redress_kind=kind))


NEEDED = [
    ("acknowledgement", "expected_by"),
    ("progress", "stage"),
    ("progress", "expected_by"),
    ("apology", "expected_by"),
    ("result", "reply"),
    ("result", "measures"),
    ("result", "further_round"),
    ("extension_notice", "old_due"),
    ("extension_notice", "new_due"),
    ("extension_notice", "reason"),
    ("transfer_notice", "from_department"),
    ("transfer_notice", "department"),
    ("transfer_notice", "expected_by"),
    ("information_request", "question"),
    ("information_request", "answer_by"),
    ("merge_notice", "merged_into"),
    ("second_round", "expected_by"),
    ("closing", "outcome"),
    ("notice", "findings"),
    ("notice", "measures"),
]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("kind", "field"), NEEDED)
def test_a_missing_value_is_an_error_whatever_the_way(kind, field, language):
    if field.endswith("department"):
        field += {"zh-CN": "_zh", "en": "_en"}[language]
    for way in [NOTICE_BOARD] if kind == "notice" else Way:
        with pytest.raises(MissingValue, match=f"CMP-2026-000042: {kind} in {language}"):
            render(kind, way, changed(language, **{field: None}))


def test_a_blank_value_is_missing():
    with pytest.raises(MissingValue, match="'reply' is undefined"):
        render("result", Way.email, changed(reply="  \n"))


def test_what_need_not_be_there_leaves_no_gap():
    bare = changed(department_zh=None, handler=None, findings=None, redress_kind="none", name=None, address=None)
    text = render("result", Way.post, bare).text
    assert "补偿" not in text
    assert "经办人" not in text
    assert "由承办部门对有关情况" in text
    assert "\n\n\n" not in text
    assert "李明" not in render("transfer_notice", Way.email, changed(handler=None)).text
    assert "金融监管部门" not in render("extension_notice", Way.email, changed(regulator=None)).text


def test_a_notice_goes_to_the_board_and_nothing_else_does():
    for kind, way in [("notice", Way.email), ("result", NOTICE_BOARD)]:
        with pytest.raises(ValueError, match="is not told by"):
            render(kind, way, CHINESE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_notice_names_nobody(language):
    notice = render("notice", NOTICE_BOARD, changed(language, answer_link=LINK))
    assert "example.com" not in notice.text + notice.html, "whoever reads the board could act as the complainant"
    assert SAMPLES[language].name not in notice.text + notice.html
    assert SAMPLES[language].handler not in notice.text + notice.html
    assert "尊敬的" not in notice.text
    assert "Dear" not in notice.text


@pytest.mark.parametrize(
    ("language", "name", "gender", "expected"),
    [
        ("zh-CN", "王芳", "female", "尊敬的王芳女士："),
        ("zh-CN", "张伟", "male", "尊敬的张伟先生："),
        ("zh-CN", "张伟", "other", "尊敬的张伟客户："),
        ("zh-CN", "张伟", None, "尊敬的张伟客户："),
        ("zh-CN", None, "male", "尊敬的客户："),
        ("en", "Jane O'Neill", "female", "Dear Ms Jane O'Neill,"),
        ("en", "John Smith", "male", "Dear Mr John Smith,"),
        ("en", "John Smith", "unknown", "Dear John Smith,"),
        ("en", None, None, "Dear Customer,"),
    ],
)
def test_salutation(language, name, gender, expected):
    text = render("acknowledgement", Way.email, changed(language, name=name, gender=gender)).text
    assert f"\n\n{expected}\n\n" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_result_says_all_it_must(language):
    """R8.1: result, process, measures, redress, how the opinion was valued, and how to go on."""
    sample, text = SAMPLES[language], render("result", Way.email, SAMPLES[language]).text
    assert all(line in text for line in [*sample.reply.splitlines(), sample.findings, sample.measures])
    words = {
        "zh-CN": ["人民币 1,200.00", "您的意见已如实记录", "再次处理", "金融监管部门投诉"],
        "en": ["CNY 1,200.00", "Your views have been recorded", "more senior colleague", "regulator or ombudsman"],
    }
    assert all(word in text for word in words[language])
    last = render("result", Way.email, changed(language, further_round=False, regulator="金管局12378")).text
    assert words[language][2] not in last, "promises a second round that will not come"
    assert "金管局12378" in last


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_acknowledgement_says_all_it_must(language):
    """R1.4: the reference, the process, the expected date and a contact."""
    text = render("acknowledgement", Way.email, SAMPLES[language]).text
    process = {
        "zh-CN": "分类、分派、核查处理、结果反馈和回访",
        "en": "classified, passed to the responsible department",
    }
    due = {"zh-CN": "2026年10月13日 17:30", "en": "13 October 2026, 17:30"}
    assert all(w in text for w in ["CMP-2026-000042", process[language], due[language], SAMPLES[language].contact])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_acknowledgement_by_text_message_says_the_same(language):
    text = render("acknowledgement", Way.sms, SAMPLES[language]).text
    process = {"zh-CN": "核查、答复并征询您的意见", "en": "look into it, answer you by"}
    due = {"zh-CN": "2026年10月13日 17:30", "en": "13 October 2026, 17:30"}
    words = ["CMP-2026-000042", process[language], due[language], SAMPLES[language].contact]
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["acknowledgement", "transfer_notice", "progress"])
@pytest.mark.parametrize("way", [Way.email, Way.sms, Way.post])
def test_no_letter_promises_a_day_that_is_past(way, kind, language):
    promises = {"zh-CN": ("预计", "仍为"), "en": ("xpect to answer", "does not change", "Answer by:")}[language]
    owed = {"zh-CN": "原定", "en": "as soon as we can"}[language]
    plain, late = (render(kind, way, changed(language, overdue=late)).text for late in (False, True))
    assert owed in late and owed not in plain
    assert not any(promise in late for promise in promises), late


SAYS = [
    ("extension_notice", "zh-CN", ["10月13日 17:30 前", "11月4日 17:30 前", "延期原因", "深表歉意", "12378"]),
    ("extension_notice", "en", ["13 October", "4 November", "Why it takes longer", "apologise", "12378"]),
    ("transfer_notice", "zh-CN", ["由客户服务中心承办，现转由信用卡中心", "的李明负责", "答复您", "10月13日 17:30 前"]),
    (
        "transfer_notice",
        "en",
        ["from Customer Services to Card Centre", "Li Ming will", "does not change", "13 October"],
    ),
    ("information_request", "zh-CN", ["10月19日 17:30 前", "暂停计算", "依据现有材料继续处理"]),
    ("information_request", "en", ["19 October 2026, 17:30", "stands still", "go on with what we have"]),
    ("merge_notice", "zh-CN", ["合并至：CMP-2026-000038", "同样有效", "不影响您的任何权利"]),
    ("merge_notice", "en", ["Handled under: CMP-2026-000038", "counts there", "Your rights are not affected"]),
    ("second_round", "zh-CN", ["再次处理", "更高一级人员", "10月13日 17:30 前"]),
    ("second_round", "en", ["further review", "more senior colleague", "13 October 2026, 17:30"]),
]


@pytest.mark.parametrize(("kind", "language", "words"), SAYS)
def test_a_notice_on_the_way_says_all_it_must(kind, language, words):
    sample, text = SAMPLES[language], render(kind, Way.email, SAMPLES[language]).text
    assert [word for word in words if word not in text] == []
    own = {"extension_notice": sample.reason, "information_request": sample.question}
    assert [line for line in own.get(kind, "").splitlines() if line not in text.splitlines()] == [], "keeps its lines"


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("second_round", "reopened", {"zh-CN": "已重新受理", "en": "open"}),
        ("information_request", "again", {"zh-CN": "提醒", "en": "reminder"}),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_told_once_more_is_told_in_other_words(kind, change, words, language):
    for way in (Way.email, Way.sms):
        plain, other = (render(kind, way, changed(language, **{change: yes})).text for yes in (False, True))
        assert words[language] in other
        assert words[language] not in plain
        assert change == "again" or not any(senior in other for senior in ("更高一级", "more senior"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_result_of_a_second_round_says_so(language):
    second = {"zh-CN": "再次处理结果", "en": "result of the further review"}[language]
    message = {"zh-CN": "已再次处理完毕", "en": "the further review of your complaint"}[language]
    for number in (1, 2, 3):
        context = changed(language, round=number, further_round=False)
        for way in (Way.email, Way.post, Way.spoken):
            assert (second in render("result", way, context).text) == (number > 1)
        assert (message in render("result", Way.sms, context).text) == (number > 1)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", LETTER_KINDS)
def test_midnight_is_told_as_the_minute_before(kind, language):
    names = ("expected_by", "old_due", "new_due", "answer_by")
    context = changed(language, **dict.fromkeys(names, datetime(2026, 12, 1, tzinfo=SHANGHAI)))
    for way in Way:
        text = render(kind, way, context).text
        assert "00:00" not in text
        assert "12月1日" not in text
        assert "1 December" not in text


def document():
    """docs/letters.md: every letter as the customer reads it."""
    names = {"zh-CN": "中文", "en": "English"}
    parts = [
        "# The letters, as the customer reads them\n",
        "Written by `python tests/test_letters.py` from the templates in `templates/letters/`; do not edit by hand. "
        "To change or add one: [how-to/add-a-letter.md](how-to/add-a-letter.md).\n",
        "| by e-mail (the result, English) | by post (the result, Chinese) |\n| --- | --- |\n| "
        "![The result letter as HTML](images/letter-email.png) | "
        "![The result letter as PDF](images/letter-post.png) |\n",
    ]
    for kind in (*LETTER_KINDS, "notice"):
        parts.append(f"## {kind}\n")
        for language, sample in SAMPLES.items():
            letter = render(kind, NOTICE_BOARD if kind == "notice" else Way.email, sample)
            parts.append(f"### {kind}, {names[language]}\n\nSubject: {letter.subject}\n\n```text\n{letter.text}```\n")
            if kind != "notice":
                parts.append(f"SMS:\n\n```text\n{render(kind, Way.sms, sample).text}\n```\n")
    parts.append(
        "## With a personal link\n\nEvery letter to a complainant who has a link says what it is for; SMS too.\n"
    )
    for sample in SAMPLES.values():
        linked = sample.model_copy(update={"answer_link": "https://example.com/c/7f3kq9"})
        email, sms = (render("information_request", way, linked).text for way in (Way.email, Way.sms))
        parts.append(f"```text\n{email}```\n\nSMS:\n\n```text\n{sms}\n```\n")
    parts.append("## The result of a second round\n\nIts subject and its beginning; the rest is as above.\n")
    for sample in SAMPLES.values():
        letter = render("result", Way.email, sample.model_copy(update={"round": 2}))
        body = next(b.text for b in blocks(letter.html) if b.part == "body")
        parts.append(f"```text\n{letter.subject}\n\n{body}\n```\n")
    parts.append("## For the person who calls\n\nThe result, told by telephone or at the counter.\n")
    parts += [f"```text\n{render('result', Way.spoken, sample).text}```\n" for sample in SAMPLES.values()]
    return "\n".join(parts)


def test_the_document_shows_the_letters_as_they_are():
    assert DOCS.read_text("utf-8") == document(), "run: python tests/test_letters.py"


if __name__ == "__main__":
    DOCS.write_text(document(), "utf-8")
