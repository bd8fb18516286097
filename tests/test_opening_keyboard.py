"""A complaint from paper opened by keyboard alone, in a real browser: what is touched, pressed and seen is counted."""

import pytest
from browser import newcomer
from console import CHROMIUM, DESKTOP, console
from office import PASSWORD, Office
from playwright.async_api import Page

MATTER = "三月二日信用卡年费被重复扣收三百元，两次致电客服均无人处理。"
PAPER = {
    "complainant.name": "李秀英",
    "complainant.phone": "13812345678",
    "complainant.customer_number": "C20260310",
    "complainant.address": "上海市浦东新区示范路1号",
    "matter": MATTER,
    "demand": "退回多收的年费并道歉",
    "product": "credit_card",
    "amount.value": "300",
    "occurred_on": "03022026",
    "channel": "letter",
}
"""What a letter says, in the order of the page; of a choice its code; a day as one types it."""
MOST_TOUCHED = 12


async def fill(tab: Page, value: str) -> int:
    """Type it where the focus is, in a choice by the arrow keys; gives the strokes it took."""
    places = "value => [...(document.activeElement.options ?? [])].findIndex(o => o.value === value)"
    there = await tab.evaluate(places, value)
    if there < 0:
        await tab.keyboard.type(value)
        return len(value)
    steps = there - int(await tab.evaluate("document.activeElement.selectedIndex"))
    for _ in range(abs(steps)):
        await tab.keyboard.press("ArrowDown" if steps > 0 else "ArrowUp")
    return abs(steps)


async def focused(tab: Page) -> str:
    """The name of the field that has the focus, or the words of the button."""
    return str(await tab.evaluate("document.activeElement.name || document.activeElement.textContent.trim()"))


@pytest.mark.skipif(CHROMIUM is None, reason="no browser")
async def test_a_letter_is_keyed_in_by_keyboard_alone_with_at_most_twelve_fields_touched(
    office_of_the_file: Office,
) -> None:
    name = await newcomer(office_of_the_file, roles=["agent"])
    errors: list[str] = []
    async with console(office_of_the_file) as desk:
        tab = await desk.browser.new_page(viewport=DESKTOP, locale="en-US")  # type: ignore[arg-type]
        tab.on("pageerror", lambda error: errors.append(str(error)))
        await tab.goto(f"{desk.address}/sign-in?next=/desk/new")
        await tab.fill("#username", name)
        await tab.fill("#password", PASSWORD)
        await tab.keyboard.press("Enter")
        await tab.wait_for_selector("form.opening input[name='complainant.name']:focus")
        looks: list[str] = []
        tab.on("response", lambda answer: looks.append(answer.url) if answer.url.endswith("/look") else None)

        todo, touched, tabs, strokes = dict(PAPER), 0, 0, 0
        while todo:
            field = await focused(tab)
            if field in todo:
                strokes += await fill(tab, todo.pop(field))
                touched += 1
            if todo:
                await tab.keyboard.press("Tab")
                tabs += 1
            assert tabs < 60, f"never came to {todo}"
        await tab.locator("#class-nature").wait_for()
        assert "以往投诉" in await tab.inner_text("#counts")
        while "登记并受理" not in await focused(tab):
            await tab.keyboard.press("Tab")
            tabs += 1
        async with tab.expect_navigation():
            await tab.keyboard.press("Enter")
        assert "?done=opened" in tab.url, await tab.inner_text("main")
        reference = tab.url.partition("?")[0].rpartition("/")[2]
        await tab.close()
    print(f"\n{touched} fields touched, {strokes} strokes, {tabs} tabs, 1 enter, no click; {len(looks)} looks")
    assert touched <= MOST_TOUCHED and errors == [] and looks
    case = await office_of_the_file.case(reference)
    assert (case["channel"], case["product"], case["occurred_on"]) == ("letter", "credit_card", "2026-03-02")
    assert case["matter"] == MATTER and case["amount"]["value"] == "300.00" and case["corrections"] == []
