"""The forms of a letter: short message, personal link, page, paper and call script; what people write stays data."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product

import pytest
from letter_samples import CHINESE, ENGLISH, LANGUAGES, LINK, SAMPLES, SHANGHAI, changed

from activities.letter_page import blocks
from activities.letter_pdf import WIDTH, _width, wrap
from activities.render import by, money, render, when
from complaints.form import Money
from complaints.names import Stage, Way
from complaints.policy import LETTER_KINDS

DEPARTMENTS = ("信用卡中心", "Card Centre", "客户服务中心", "Customer Services")


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
