"""Whole days in Chromium, in both languages: a complaint by four people, a race for an approval, the customer's link.

Every page that is come by is held against axe's rules, and afterwards against the Nu HTML checker.
"""

import re
import time
from datetime import timedelta
from pathlib import Path

import pytest
from browser import newcomer
from console import CHROMIUM, JAVA, Console, console, presses
from contract import new_word
from office import MAJOR, PLAIN, RESOLUTION, Office
from playwright.async_api import Page, expect
from views import in_hand

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: chromium is not installed")
LANGUAGES = ("zh-CN", "en")


@pytest.fixture(scope="module")
async def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


async def fill(page: Page, ending: str, press: str = "button", **fields: str) -> None:
    """Open the form whose address ends so, fill it in and send it; two underscores are the dot of a field's name."""
    form = page.locator(f'form[action$="{ending}"]')
    box = page.locator(f'details:has(form[action$="{ending}"])')
    if await box.count() and not await box.first.evaluate("details => details.open"):
        await box.first.locator("summary").first.click()
    for name, value in fields.items():
        control = form.locator(f'[name="{name.replace("__", ".")}"]')
        kind = await control.first.evaluate("control => control.type")
        if kind == "radio":
            await form.locator(f'[name="{name}"][value="{value}"]').check()
        elif kind.startswith("select"):
            await control.select_option(value)
        else:
            await control.fill(value)
    await form.locator(press).last.click()


async def checked(desk: Console, folder: Path) -> None:
    """Nothing was wrong with any page that was looked at."""
    wrong = [*desk.wrong, *(desk.check_html(folder) if JAVA else [])]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_ordinary_life_of_a_complaint_by_four_people(office: Office, tmp_path: Path, language: str) -> None:
    clerk = await newcomer(office, roles=["agent"], language=language)
    boss = await newcomer(office, roles=["supervisor"], language=language)
    async with console(office) as desk:
        agent = await desk.signed_in(clerk)
        await agent.goto("/desk/new")
        await desk.look(agent, "new")
        for name, value in {
            "complainant.name": "演示客户", "complainant.phone": "13900001234", "demand": "退还并道歉",
            "matter": f"信用卡年费被重复扣收三百元，要求退还。{new_word()}",
        }.items():  # fmt: skip
            await agent.fill(f'[name="{name}"]', value)
        await agent.select_option('[name="product"]', "credit_card")
        await expect(agent.locator("#class, #found, [id*=class]").first).to_be_visible()
        await agent.locator('button[accesskey="s"]').click()
        await agent.wait_for_url(re.compile(r"/desk/complaints/CMP-[0-9-]+"))
        await expect(agent.locator("#tell")).to_be_visible()
        await desk.look(agent, "opened")
        found = re.search(r"CMP-[0-9]{4}-[0-9]+", agent.url)
        assert found
        path, reference = f"/desk/complaints/{found[0]}", found[0]
        if (await office.case(reference))["confirm"]:
            await fill(agent, "/classification", nature="operation", reason="核实")
        holder = (await office.case(reference))["assignment"]["handler"]

        handler = await desk.signed_in(holder)
        if language == "en":
            await handler.locator('button[name="language"]').click()
        await handler.goto("/desk/mine")
        await presses(handler)
        await handler.locator(f'a[href$="{reference}"]').first.click()
        await fill(handler, "/acceptance")
        await expect(handler.locator("#done")).to_be_visible()
        clicks = {"take": await presses(handler)}
        await fill(
            handler, "/resolution", findings="系统重复扣费", responsibility="银行", measures="退还",
            redress__kind="compensation", redress__amount__value="8,600.00",
            root_cause="system", reply="已退还并补偿。",
        )  # fmt: skip
        await expect(handler.locator('form[action$="/resolution"]')).to_have_count(0)
        clicks["resolve"] = await presses(handler)
        await desk.look(handler, "resolved")
        if language == "en":  # the demo people of these tests are everybody's
            await handler.locator('button[name="language"]').click()

        supervisor = await desk.signed_in(boss)
        await supervisor.goto("/desk/approvals")
        await presses(supervisor)
        await supervisor.locator(f'a[href$="{reference}-A1"]').first.click()
        await desk.look(supervisor, "approval")
        await fill(supervisor, f"{reference}-A1/decision", 'button[value="approve"]', reason="同意")
        await expect(supervisor.locator("#done")).to_be_visible()
        clicks["decide"] = await presses(supervisor)
        assert (await office.case(reference))["stage"] == "feedback"

        await agent.goto("/desk/calls")
        await desk.look(agent, "calls")
        await agent.goto(path)
        await fill(agent, "/feedback", answer="客户认可")
        await expect(agent.locator("#done")).to_be_visible()
        await agent.goto("/desk/calls")
        await presses(agent)
        await agent.locator(f'tr:has-text("{reference}") a').first.click()
        await fill(agent, "/callbacks", reached="true", satisfaction="5", nps="9", words="满意")
        await expect(agent.locator("#done")).to_be_visible()
        clicks["call back"] = await presses(agent)
        assert clicks == {"take": 2, "resolve": 2, "decide": 2, "call back": 5}, "docs/console.md says so"
        await desk.look(agent, "closed")
        assert (await office.case(reference))["outcome"] == "satisfied"
        await checked(desk, tmp_path)


async def test_of_two_supervisors_the_second_sees_who_was_first(office: Office) -> None:
    reference, handler = await in_hand(office)
    money = {"redress": {"kind": "compensation", "amount": {"value": "8600.00", "currency": "CNY"}}}
    await office.act(handler, reference, "resolution", RESOLUTION | money)
    first, second = [await newcomer(office, roles=["supervisor"], language="en") for _ in range(2)]
    async with console(office) as desk:
        pages = [await desk.signed_in(name) for name in (first, second)]
        for page in pages:
            await page.goto(f"/desk/approvals/{reference}-A1")
        await fill(pages[0], "A1/decision", 'button[value="approve"]', reason="agreed")
        await expect(pages[0].locator("#done")).to_be_visible()
        await fill(pages[1], "A1/decision", 'button[value="reject"]', reason="not agreed")
        await expect(pages[1].locator("#problem")).to_contain_text(first)
        await desk.look(pages[1], "second")
        assert not desk.wrong, desk.wrong
    [approval] = (await office.case(reference))["approvals"]
    assert (approval["decision"], approval["decided_by"]) == ("approve", first)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_day_of_a_major_incident(office: Office, tmp_path: Path, language: str) -> None:
    case = await office.open(MAJOR | {"matter": f"{MAJOR['matter']}{new_word()}"})
    incident = case["incident"]["id"]
    chief = await newcomer(office, roles=["manager"], language=language)
    async with console(office) as desk:
        manager = await desk.signed_in(chief, dark=True)
        await manager.goto("/desk/incidents")
        await desk.look(manager, "incidents")
        await manager.locator(f'a[href$="{incident}"]').first.click()
        await desk.look(manager, "waiting")
        await fill(manager, "/acknowledgement", leader=chief)
        await expect(manager.locator("#done")).to_be_visible()
        await fill(manager, "/log", kind="action", text="已停用相关渠道")
        await fill(manager, "/tasks", owner="handler.legal", text="核对受影响客户")
        await desk.look(manager, "under-way")
        owner = await desk.signed_in("handler.legal")
        await owner.goto(f"/desk/incidents/{incident}/tasks/1")
        await desk.look(owner, "task")
        await fill(owner, "/tasks/1/done", result="已核对十二名")
        await manager.goto(f"/desk/incidents/{incident}")
        await fill(manager, f"{incident}/report", text="原因已查明，客户已逐一致电。")
        await expect(manager.locator("#done")).to_be_visible()
        await desk.look(manager, "over")
        done = (await office.case(case["reference"]))["incident"]
        assert done["acknowledged_by"] == chief and done["report"] is not None
        await checked(desk, tmp_path)


Role = tuple[str, list[str]]
PAGES: list[Role] = [
    ("supervisor", ["approvals", "team", "board", "complaints?breached=true"]),
    ("manager", ["incidents", "board", "board?kiosk=1", "query-log", "team"]),
    ("ops", ["ops", "complaints"]),
    ("auditor", ["audit", "query-log", "board", "knowledge"]),
    ("agent", ["new", "calls", "knowledge?q=年费", "notices"]),
    ("handler", ["mine", "calls"]),
]


@pytest.mark.parametrize(("language", "dark", "phone"), [("zh-CN", True, False), ("en", False, True)])
async def test_every_page_of_every_role_is_accessible_and_valid(
    office: Office, tmp_path: Path, language: str, dark: bool, phone: bool
) -> None:
    reference, _ = await in_hand(office)
    async with console(office) as desk:
        for role, paths in PAGES:
            department = "card_centre" if role == "handler" else None
            name = await newcomer(office, roles=[role], language=language, department=department)
            page = await desk.signed_in(name, dark=dark, phone=phone)
            more = [f"ops/{reference}"] if role == "ops" else []
            for path in [*paths, *more, "../me"]:
                await page.goto(f"/desk/{path}")
                await page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
                await desk.look(page, f"{role}-{re.sub('[^a-z-]', '-', path)}")
        await checked(desk, tmp_path)


async def test_without_script_a_handler_still_works(office: Office) -> None:
    reference, handler = await in_hand(office)
    async with console(office) as desk:
        page = await desk.signed_in(handler, script=False)
        await page.goto(f"/desk/complaints/{reference}")
        await page.locator('details:has(form[action$="/notes"]) summary').click()
        await page.locator('form[action$="/notes"] textarea').fill("已致电")
        await page.locator('form[action$="/notes"] button').click()
        await expect(page.locator("#done")).to_be_visible()
        assert not desk.wrong, desk.wrong
    assert [n["text"] for n in (await office.case(reference))["notes"]] == ["已致电"]


async def test_a_breach_shows_on_the_board_and_at_the_supervisor_within_five_seconds(office: Office) -> None:
    boss = await newcomer(office, roles=["supervisor", "manager"], language="en")
    case = await office.open(PLAIN | {"matter": f"{PLAIN['matter']}{new_word()}"})
    reference = case["reference"]
    async with console(office) as desk:
        board, asked = await desk.signed_in(boss), await desk.signed_in(boss)
        await board.goto("/desk/board")
        await asked.goto("/desk/approvals")
        shown = board.locator("#standing .late", has_text="Breached, still open")
        before = await shown.inner_text() if await shown.count() else ""
        assert reference not in await asked.locator("main").inner_text()
        await office.forward(reference, timedelta(days=9))
        began = time.monotonic()
        await expect(asked.locator("main")).to_contain_text(reference, timeout=5_000)
        await expect(shown).to_be_visible(timeout=5_000)
        await expect(shown).not_to_have_text(before, timeout=5_000)
        print(f"a breach was on both pages {time.monotonic() - began:.1f} s after its process had said so")
        assert not desk.wrong, desk.wrong


async def test_a_supervisor_decides_by_keyboard_alone(office: Office) -> None:
    reference, handler = await in_hand(office)
    money = {"redress": {"kind": "compensation", "amount": {"value": "8600.00", "currency": "CNY"}}}
    await office.act(handler, reference, "resolution", RESOLUTION | money)
    boss, strokes = await newcomer(office, roles=["supervisor"], language="en"), 0
    async with console(office) as desk:
        page = await desk.signed_in(boss)
        await page.goto("/desk/approvals")
        for wanted, key in (
            (f"a[href$='{reference}-A1']", "Enter"),
            ("[name=reason]", "agreed"),
            ("[value=approve]", "Enter"),
        ):
            while not await page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
                await page.keyboard.press("Tab")
                strokes += 1
                assert strokes < 120, f"{wanted} is not reached"
            if key == "Enter":
                async with page.expect_navigation():
                    await page.keyboard.press("Enter")
            else:
                await page.keyboard.type(key)
        await expect(page.locator("#done")).to_be_visible()
        print(f"decided with {strokes} Tabs, 2 Enters and the reason")
        assert not desk.wrong, desk.wrong
    assert (await office.case(reference))["approvals"][0]["decision"] == "approve"
