"""Every letter, in both languages, in every form; `python tests/test_letters.py` writes docs/letters.md anew."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from activities.letter_page import blocks
from activities.letter_pdf import WIDTH, _width, wrap
from activities.render import NOTICE_BOARD, LetterContext, MissingValue, by, money, render, when
from complaints.form import Language, Money
from complaints.names import Outcome, Stage, Way
from complaints.policy import LETTER_KINDS
from complaints.records import Redress

SHANGHAI = ZoneInfo("Asia/Shanghai")
LANGUAGES = get_args(Language)
DOCS = Path(__file__).parents[1] / "docs" / "letters.md"

CHINESE = LetterContext(
    reference="CMP-2026-000042",
    language="zh-CN",
    bank="示范银行",
    contact="客户服务热线 95000（演示号码）",
    received_at=datetime(2026, 9, 28, 9, 15, tzinfo=SHANGHAI),
    written_at=datetime(2026, 10, 12, 16, 5, tzinfo=SHANGHAI),
    name="王芳",
    gender="female",
    address="上海市浦东新区世纪大道 100 号\n环球大厦 12 楼 1208 室\n邮编 200120",
    expected_by=datetime(2026, 10, 13, 17, 30, tzinfo=SHANGHAI),
    stage=Stage.in_progress,
    department_zh="信用卡中心",
    department_en="Card Centre",
    handler="李明",
    reply="您反映 9 月账单被误收年费一事属实。我行已于 2026年10月12日将该笔年费全额退还至您尾号 4821 的信用卡账户，"
    "预计 2 个工作日内到账（以“Mobile Banking App”显示的 posting date 为准）。\n由此产生的逾期记录已同步更正。",
    findings="经核查，系统升级时免年费标记未正确迁移，导致部分符合条件的账户被误收年费。",
    measures="已修复系统缺陷，对同批账户逐户核对并全部退费；已对相关岗位开展操作培训。",
    redress_kind="refund",
    redress_amount=Money(value=Decimal("1200"), currency="CNY"),
    further_round=True,
    regulator="金融消费者投诉热线 12378",
    outcome=Outcome.satisfied,
    old_due=datetime(2026, 10, 13, 17, 30, tzinfo=SHANGHAI),
    new_due=datetime(2026, 11, 4, 17, 30, tzinfo=SHANGHAI),
    reason="核查需要向收单机构调取交易凭证，对方尚未回复。\n我行已再次催办。",
    question="1. 显示该笔年费的账单页面截图。\n2. 申请该卡时，工作人员是否向您说明过免年费的条件？如是，请告知大致时间和网点。",
    answer_by=datetime(2026, 10, 19, 17, 30, tzinfo=SHANGHAI),
    from_department_zh="客户服务中心",
    from_department_en="Customer Services",
    merged_into="CMP-2026-000038",
)
ENGLISH = CHINESE.model_copy(
    update={
        "language": "en",
        "bank": "Demonstration Bank",
        "contact": "customer service line 95000 (demo number)",
        "name": "Jane O'Neill",
        "regulator": "the financial consumer hotline 12378",
        "address": "Flat 12, 100 Century Avenue\nPudong, Shanghai 200120",
        "handler": "Li Ming",
        "reply": "You told us that you were wrongly charged the annual fee in September. You were right. On 12 October "
        "2026 we returned the fee in full to your credit card ending in 4821; it should arrive within two working "
        "days.\nThe late-payment entry that followed from it has been removed.",
        "findings": "During a system upgrade the marker for waived fees was not carried over, so that some accounts "
        "with a right to the waiver were charged.",
        "measures": "The fault has been mended, and every account of the same batch has been checked and refunded. "
        "The staff concerned have been trained.",
        "reason": "We need the records of the payment from the merchant's bank, which has not answered yet.\n"
        "We have asked it again.",
        "question": "1. A picture of the statement page that shows the annual fee.\n2. When you applied for the card, "
        "were you told when the fee is waived? If so, roughly when, and at which branch?",
    }
)
SAMPLES = {"zh-CN": CHINESE, "en": ENGLISH}
LINK = "https://example.com/c/7f3kq9?x=1&y=2"
DEPARTMENTS = ("信用卡中心", "Card Centre", "客户服务中心", "Customer Services")
FORMS = [*product(LETTER_KINDS, Way), ("notice", NOTICE_BOARD)]


def changed(language="zh-CN", **values):
    return SAMPLES[language].model_copy(update=values)


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


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", LETTER_KINDS)
def test_a_short_message_is_short_and_private(kind, language):
    long_name, limit = "欧阳" * 50, {"zh-CN": 140, "en": 300}[language]
    for stage, further, number in product(Stage, (True, False), (1, 2)):
        context = changed(language, stage=stage, further_round=further, name=long_name, round=number)
        text = render(kind, Way.sms, context).text
        assert len(text) <= limit, text
        assert "\n" not in text
        private = (long_name, context.handler, context.reply, "1,200", *context.reason.splitlines())
        private += (*context.question.splitlines(), *DEPARTMENTS)
        assert not any(word in text for word in private)
    if language == "en":
        assert text.isascii(), "a character outside ASCII makes an SMS cost three"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", LETTER_KINDS)
def test_a_personal_link_is_in_every_form_but_the_spoken(kind, language):
    """Once, with what it is for and that it is personal; nobody reads it out."""
    context = changed(language, answer_link=LINK)
    purpose, warning = {
        "zh-CN": ("查看处理进展和预计答复时间", "请勿转发他人"),
        "en": ("see the status of your complaint", "do not pass it on"),
    }[language]
    email = render(kind, Way.email, context)
    assert email.html.count('href="https://example.com/c/7f3kq9?x=1&amp;y=2"') == 1
    for text in (email.text, render(kind, Way.post, context).text):
        assert text.splitlines().count(LINK) == text.count(purpose) == text.count(warning) == 1
        assert "\n\n\n" not in text
    message = render(kind, Way.sms, context).text
    bare = render(kind, Way.sms, changed(language)).text
    assert message.endswith({"zh-CN": "：", "en": ": "}[language] + LINK)
    assert message.count("http") == 1
    assert len(message) <= {"zh-CN": 140, "en": 300}[language] + len(LINK)
    assert message.startswith(bare) or kind == "satisfaction_request"
    assert render(kind, Way.spoken, context) == render(kind, Way.spoken, changed(language))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", LETTER_KINDS)
def test_without_a_link_no_letter_speaks_of_one(kind, language):
    for way in Way:
        letter = render(kind, way, SAMPLES[language])
        assert not re.search("链接|查询与补充|link|http|href", letter.text + (letter.html or ""))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "hostile", ["{{7*7}}", "{% for x in y %}", "{{ ''.__class__.__mro__ }}", "<script>alert(1)</script>"]
)
def test_what_people_write_is_data(hostile, language):
    fields = ("name", "measures", "handler", "address", "from_department_zh", "from_department_en", "merged_into")
    context = changed(language, **dict.fromkeys(fields, hostile)).model_copy(
        update=dict.fromkeys(("reply", "reason", "question"), f"a\n{hostile}")
    )
    for kind, way in product(LETTER_KINDS, Way):
        letter = render(kind, way, context)
        assert "<script" not in (letter.html or "")
        if way in (Way.email, Way.post, Way.spoken):
            assert hostile in letter.text
    for kind in ("extension_notice", "information_request"):
        body = [b.text for b in blocks(render(kind, Way.email, context).html) if b.part == "body"]
        assert body.count(hostile) == 1, f"{kind}: read back as it was written"
    email = render("result", Way.email, context)
    assert "49" not in email.text.replace("2026", "")
    assert hostile in [b.text for b in blocks(email.html)], "read back as it was written"


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\u2028", "\x0b", "\x85"])
def test_no_line_end_reaches_a_subject(end):
    evil = f"x{end}Bcc: everybody@example.com"
    for way in Way:
        letter = render("result", way, changed(name=evil, reference=evil, bank=evil, department_zh=evil))
        merged = render("merge_notice", way, changed(name=evil, reference=evil, merged_into=evil, answer_link=evil))
        assert "\nBcc" not in merged.text
        assert letter.subject.splitlines() == [letter.subject]
        assert "\nBcc" not in letter.text
        assert letter.text.splitlines()[0].strip()


def test_times_and_money_as_each_language_writes_them():
    noon = datetime(2026, 10, 13, 17, 30, tzinfo=SHANGHAI)
    assert when(noon, "zh-CN") == "2026年10月13日 17:30"
    assert when(noon, "en") == "13 October 2026, 17:30"
    assert when(datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "en") == "2 January 2026, 03:04"
    assert by(datetime(2026, 10, 14, tzinfo=SHANGHAI), "en") == "13 October 2026, 23:59"
    assert money(Money(value=Decimal("1234567.5"), currency="USD"), "zh-CN") == "美元 1,234,567.50"
    assert money(Money(value=Decimal(8), currency="JPY"), "en") == "JPY 8.00"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_its_language_and_reads_in_the_dark(language):
    html = render("result", Way.email, SAMPLES[language]).html
    assert f'<html lang="{language}">' in html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "background" not in html
    assert len(html) < 8_000


def test_the_call_script_asks_who_is_there_before_it_tells():
    script = render("result", Way.spoken, CHINESE).text
    assert script.index("请问是王芳女士吗") < script.index("核实身份") < script.index(CHINESE.measures)
    assert "提交本投诉的客户本人" in render("result", Way.spoken, changed(name=None)).text


def pdf_pages(pdf):
    return len(re.findall(rb"/Type /Page\b", pdf))


def test_the_posted_letter_is_a_pdf_in_both_scripts():
    pdf = render("result", Way.post, CHINESE).pdf
    assert pdf.startswith(b"%PDF-")
    assert pdf_pages(pdf) == 1
    assert b"/STSong-Light" in pdf
    assert b"CMP-2026-000042" in pdf
    assert b"1 / 1" in pdf
    assert b"/Lang" in pdf
    assert "投诉处理结果".encode("utf-16-be") in re.sub(
        rb"\\([()\\])", rb"\1", re.sub(rb"\\(\d{3})", lambda m: bytes([int(m[1], 8)]), pdf)
    )
    english = render("result", Way.post, ENGLISH).pdf
    assert b"(Jane O'Neill)" in english
    assert b"Yours sincerely," in english


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", LETTER_KINDS)
def test_every_letter_fits_on_paper_with_its_link(kind, language):
    printed = render(kind, Way.post, changed(language, answer_link=LINK)).pdf
    assert printed.startswith(b"%PDF-")
    assert pdf_pages(printed) == (2 if kind == "result" else 1)
    assert (b"/STSong-Light" in printed) == (language == "zh-CN")
    assert b"https://example.com/c/7f3kq9?x=1&y=2" in printed


def test_a_long_letter_goes_on_over_the_page():
    pdf = render("result", Way.post, changed(reply="情况说明。" * 1000)).pdf
    assert pdf_pages(pdf) == 4
    assert all(f"{page} / 4".encode() in pdf for page in (1, 2, 3, 4))


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_fit_and_words_stay_whole(language):
    text = "请以“Mobile Banking App”显示的posting date为准，" * 9 + "W" * 200 + "𠮷😀 مرحبا Ёлка é €"
    lines = wrap(text, 10.5, language)
    assert all(_width(line.rstrip(), 10.5, language) <= WIDTH for line in lines)
    assert not any(line[0] in "，。、；：”）》" for line in lines)
    assert not any(line.rstrip()[-1] in "“（《" for line in lines)
    joined = "\n".join(lines)
    assert all(joined.count(word) == 9 for word in ("Mobile", "Banking", "posting"))
    assert "".join(lines).startswith(text[:300])
    assert "〓〓" in joined, "what no font has is marked, not dropped"


def test_the_plain_text_stays_as_it_is():
    assert render("progress", Way.email, ENGLISH).text == (
        "Demonstration Bank\n\n"
        "Progress of your complaint\n\n"
        "Reference: CMP-2026-000042\n"
        "Received: 28 September 2026, 09:15\n"
        "Department: Card Centre\n"
        "Status: being looked into by the responsible department\n"
        "Answer by: 13 October 2026, 17:30\n\n"
        "Dear Ms Jane O'Neill,\n\n"
        "Thank you for your patience. Your complaint is being looked into by the responsible department.\n\n"
        "We expect to answer you by 13 October 2026, 17:30. There is no need to complain again; if you have anything "
        "to add, please tell us at any time.\n\n"
        "If you have any questions, please contact us and quote your reference: customer service line 95000 "
        "(demo number). We will never ask for your password or a one-time code.\n\n"
        "Yours sincerely,\n"
        "Li Ming\n"
        "Demonstration Bank, Card Centre\n"
        "12 October 2026\n"
    )


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
