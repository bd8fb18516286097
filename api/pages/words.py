"""The pages' words: English stands in the templates and here, Chinese in templates/words/zh_CN.po (Babel)."""

from functools import cache, lru_cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from activities.wording import EVENTS
from api.pages.names import NAMES
from complaints.form import Language

OF_CLASS = ("nature", "urgency", "kind", "sign")

NAMED = {"en": "English", "zh-CN": "简体中文"}


@cache
def translations(language: Language) -> NullTranslations:
    """The catalogue of that language; English needs none."""
    if language == "en":
        return NullTranslations()
    with (files("templates") / "words" / "zh_CN.po").open("rb") as catalogue:
        compiled = BytesIO()
        write_mo(compiled, read_po(catalogue, locale="zh_CN", abort_invalid=True))
    return GNUTranslations(BytesIO(compiled.getvalue()))


@lru_cache(8192)
def say(language: Language, text: str, of: str | None = None) -> str:
    """That text in that language; as it stands where the catalogue has nothing.

    `of`: what it is a name of, for the words that are one in English and two in Chinese (`msgctxt` in the catalogue).
    """
    if not text:
        return ""
    said = translations(language).pgettext(of, text) if of else text
    return said if said != text else translations(language).gettext(text)


def name(language: Language, what: str, code: str | None) -> str:
    """What a code of the house is called; the code itself where it has no name. `resolution_2` is a `resolution`."""
    if code is None:
        return ""
    if what == "event":
        zh, en = EVENTS.get(code, (code, code))
        return zh if language == "zh-CN" else en[:1].upper() + en[1:]
    if what == "label":  # `nature:service`, `kind:major`, as a reason of the classification has it
        of, _, value = code.rpartition(":")
        return (
            name(language, of, value)
            if of in NAMES
            else next((name(language, w, code) for w in OF_CLASS if code in NAMES[w]), code)
        )
    known = NAMES[what]
    bare = code if code in known else code.rstrip("0123456789").rstrip("_")
    if bare not in known:
        return code
    number = code.removeprefix(bare).strip("_")
    return say(language, known[bare], what) + (f" {number}" if number else "")
