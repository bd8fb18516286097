"""The customer's link as its customer uses it, in Chromium, in both languages, on a telephone and on paper."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from console import CHROMIUM, JAVA, PHONE, Console, console
from customer import asked, linked
from office import Office
from playwright.async_api import Page, expect

from api.customer_words import WORDS
from complaints.form import Language

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no browser")
LANGUAGES: list[Language] = ["zh-CN", "en"]


@asynccontextmanager
async def at_home(desk: Console) -> AsyncIterator[Page]:
    """Somebody with a telephone, signed in nowhere."""
    context = await desk.browser.new_context(base_url=desk.address, viewport=PHONE)  # type: ignore[arg-type]
    page = await context.new_page()
    page.on("request", desk.stays)
    page.on("console", desk.said)
    yield page
    await context.close()


def sound(desk: Console, folder: Path) -> None:
    wrong = [*desk.wrong, *(desk.check_html(folder) if JAVA else [])]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_customer_adds_a_fact_and_withdraws(office: Office, tmp_path: Path, language: Language) -> None:
    w, (case, token) = WORDS[language], await linked(office, language=language)
    async with console(office) as desk, at_home(desk) as page:
        await page.goto(f"/c/{token}")
        await expect(page.get_by_role("heading", level=1)).to_have_text(w["title"])
        await expect(page.get_by_text(case["reference"])).to_be_visible()
        await expect(page.get_by_text(w["expected"])).to_be_visible()
        await desk.look(page, "open")
        await page.emulate_media(media="print")
        await expect(page.get_by_text(w["expected"])).to_be_visible()
        await expect(page.get_by_role("button").first).not_to_be_visible()
        await page.emulate_media(media="screen")
        await page.get_by_label(w["text"]).fill("三百元仍未退回。")
        await page.get_by_role("button", name=w["send_facts"], exact=True).click()
        await expect(page.get_by_role("status")).to_have_text(w["thanks_facts"])
        await page.get_by_role("button", name=w["send_withdrawal"]).click()
        assert await page.get_by_text(w["thanks_withdrawal"]).count() == 0, "the browser asks for the second step"
        await page.get_by_label(w["confirm"]).check()
        await page.get_by_role("button", name=w["send_withdrawal"]).click()
        await expect(page.get_by_role("status")).to_have_text(w["thanks_withdrawal"])
        await expect(page.get_by_role("button")).to_have_count(0)
        await desk.look(page, "withdrawn")
        sound(desk, tmp_path)
    found = await office.case(case["reference"])
    assert (found["stage"], found["outcome"]) == ("closed", "withdrawn")
    assert [n["text"] for n in found["notes"]] == ["三百元仍未退回。"]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_customer_rates_once(office: Office, tmp_path: Path, language: Language) -> None:
    w, (case, token) = WORDS[language], await asked(office, language=language)
    async with console(office) as desk, at_home(desk) as page:
        await page.goto(f"/c/{token}")
        await desk.look(page, "asked")
        await page.get_by_role("button", name=w["send_rating"]).click()
        assert await page.get_by_role("status").count() == 0, "the browser asks for what is required"
        await page.get_by_label("5", exact=True).check()
        await page.get_by_label(w["nps"]).select_option("9")
        await page.get_by_role("button", name=w["send_rating"]).click()
        await expect(page.get_by_role("status")).to_have_text(w["thanks_rating"])
        await page.go_back()
        await expect(page.get_by_role("button")).to_have_count(0)  # the page was not kept with its form
        sound(desk, tmp_path)
    (told,) = (await office.case(case["reference"]))["callbacks"]
    assert (told["satisfaction"], told["nps"]) == (5, 9)


async def test_a_link_that_is_none_says_so_in_both_languages(office: Office, tmp_path: Path) -> None:
    async with console(office) as desk, at_home(desk) as page:
        await page.goto("/c/" + "x" * 43)
        for language in LANGUAGES:
            await expect(page.get_by_role("heading", name=WORDS[language]["sorry"])).to_be_visible()
        await desk.look(page, "none")
        sound(desk, tmp_path)
