"""What customers and staff write comes out of every letter and page as the text it is."""

import re
from itertools import product
from typing import Any

import pytest
from jinja2 import TemplateSyntaxError
from jinja2.exceptions import SecurityError, UndefinedError
from letter_samples import LANGUAGES, changed
from pydantic import ValidationError

from activities.channels import Mail, Message
from activities.letter_page import blocks
from activities.render import ENVIRONMENT, LetterContext, render
from activities.templating import templates
from api.customer_pages import PAGES
from complaints.form import ComplaintForm
from complaints.names import Way
from complaints.policy import LETTER_KINDS
from run import sink

WRITTEN = (
    *("name", "address", "handler", "department_zh", "department_en", "reply", "findings", "measures", "reason"),
    *("question", "from_department_zh", "from_department_en", "from_region", "to_region", "merged_into", "regulator"),
)
HOSTILE = [
    *(
        "{{7*7}}",
        "{% include '_letter.html' %}",
        "{{ self._TemplateReference__context }}",
        "{# gone #}",
        "${7*7} #{7*7}",
    ),
    *(
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "</title></head><h1>Evil",
        '"><svg onload=alert(1)>',
    ),
    *(
        "<font size=90>big</font>",
        '<a href="file:///etc/passwd">x</a>',
        '<img src="file:///etc/passwd"/>',
        "<para/>&amp;",
    ),
    *("%s %(x)s {0} {x!r}", "(a) Tj ET \\) endobj", "=cmd|' /C calc'!A0"),
]


def written(hostile: str, language: str) -> LetterContext:
    return changed(language, **dict.fromkeys(WRITTEN, hostile))


def test_every_template_is_read_in_the_one_way() -> None:
    for environment in (ENVIRONMENT, PAGES, sink.PAGES):
        assert type(environment) is type(templates("pages"))
        for attack in (
            "{{ ''.__class__.__mro__ }}",
            "{{ x.append(1) }}",
            "{% for a in x.__init__.__globals__ %}{% endfor %}",
        ):
            with pytest.raises((SecurityError, UndefinedError, TypeError)):
                environment.from_string(attack + "{{ ''.__class__.y }}").render(x=[])
        with pytest.raises(UndefinedError):
            environment.from_string("{{ missing }}").render()
        assert environment.from_string("{{ x }}").render(x="<b>") == "&lt;b&gt;"
        with pytest.raises(TemplateSyntaxError):
            environment.from_string("{{")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_that_is_written_works_in_any_letter(hostile: str, language: Any) -> None:
    plain = "harmless words of nobody"
    for kind in LETTER_KINDS:
        here, there = (render(kind, Way.email, written(text, language)) for text in (hostile, plain))
        assert here.html and there.html
        tags = [re.findall(r"<(/?\w+)", page) for page in (here.html, there.html)]
        assert tags[0] == tags[1], f"{kind}: another page than with harmless words"
        found = [block.text for block in blocks(here.html)]
        assert found == [block.text.replace(plain, " ".join(hostile.split())) for block in blocks(there.html)]
        spoken = render(kind, Way.spoken, written(hostile, language)).text
        assert spoken == render(kind, Way.spoken, written(plain, language)).text.replace(plain, hostile)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_on_paper_markup_is_ink(hostile: str) -> None:
    """ReportLab's own markup is never read: the page is drawn letter by letter, and has no picture and no link."""
    pdf = render("result", Way.post, written(hostile, "en")).pdf
    assert pdf
    escaped = hostile.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)").encode("cp1252")
    assert escaped in pdf or len(hostile) > 25, "drawn as it was written, on one line"
    for active in (
        b"/URI",
        b"/Annot",
        b"/XObject <<",
        b"/JavaScript",
        b"/JS",
        b"/Launch",
        b"/EmbeddedFile",
        b"/OpenAction",
    ):
        assert active not in pdf, active
    assert b"root:" not in pdf, "a file of this machine"


TURNING = "\u202egnp.exe\u202c \u2066x\u2069 \u202a\u202b\u202d\u2067\u2068"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_of_ours_is_turned_round(language: Any) -> None:
    for kind, way in product(LETTER_KINDS, Way):
        letter = render(kind, way, written(f"a{TURNING}b", language))
        seen = letter.subject + letter.text + (letter.html or "")
        assert not re.search("[\u202a-\u202e\u2066-\u2069]", seen)
        assert "gnp.exe" in seen or way is Way.sms or "a" not in seen


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x00", "\u2028", "\x85", "\x1b"])
def test_no_value_writes_a_mail_header(end: str) -> None:
    mail = Mail(host="localhost", port=25, sender="complaints@bank.example")
    evil = f"x{end}Bcc: everybody@example.com{end}{end}<b>body</b>"
    message = Message(key="CMP-2026-000001-1", recipient="a@example.com", subject=evil, text=evil)
    composed = mail.compose(message).as_bytes()
    head = composed.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    assert not re.search(rb"(?im)^bcc:", head)
    for recipient in (f"a@example.com{end}Bcc: b@example.com", f"a@example.com>{end}RCPT TO:<b@example.com"):
        try:
            head = mail.compose(message.model_copy(update={"recipient": recipient})).as_bytes().partition(b"\n\n")[0]
        except ValueError:
            continue
        assert not re.search(rb"(?im)^(bcc|rcpt)", head)


PATHS = [
    *("../x", "..\\x", "/etc/passwd", "C:\\x", "a/../b", "..", ".", "~/.ssh/id", "a\x00.pdf", "a\n.pdf", "a\r.pdf"),
    *("a\u2028b", "con:", "x|y", "a\ud800b", " ", "\u200b", "．．/x", "a" * 201),
]


@pytest.mark.parametrize("name", PATHS)
def test_a_file_name_that_is_a_trick_is_refused(name: str) -> None:
    form = {"channel": "counter", "received_at": "2026-03-10T10:00:00+08:00", "complainant": None, "matter": "x"}
    assert ComplaintForm.model_validate(form | {"attachments": ["账单 (3月).pdf", "a..b.tar.gz", "שלום.pdf"]})
    with pytest.raises(ValidationError) as refused:
        ComplaintForm.model_validate(form | {"attachments": [name]})
    assert refused.value.errors()[0]["loc"] == ("attachments", 0)
