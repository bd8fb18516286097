"""`make pictures`: every page of the console as people see it, into docs/images/console and docs/console-pages.md.

A stack of its own, a seeded history labelled as such, and a few cases of today in demo people's hands. Each page three
times: desktop in Chinese, desktop in English and dark, phone in Chinese.
"""

import asyncio
import shutil
import sys
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from stack import PASSWORD, Json, Running, running

from run.seed import command

ROOT = Path(__file__).parent.parent
OUT, PAGE = ROOT / "docs/images/console", ROOT / "docs/console-pages.md"
DESKTOP, PHONE, TALLEST = {"width": 1280, "height": 800}, {"width": 390, "height": 844}, 2400
WALL = {"width": 1920, "height": 1080}
LOOKS = (("zh", "zh-CN", DESKTOP, False), ("en", "en", DESKTOP, True), ("phone", "zh-CN", PHONE, False))
SEEDED = 600
CARD: Json = {
    "channel": "telephone",
    "complainant": {"name": "演示客户", "phone": "13900001234", "customer_number": "C0001234", "gender": "female"},
    "matter": "信用卡年费被重复扣收三百元，客服两次承诺退还均未办理，要求退还并致歉。",
    "product": "credit_card", "amount": {"value": "300.00", "currency": "CNY"}, "demand": "退还三百元并致歉",
}  # fmt: skip
LATE: Json = CARD | {
    "channel": "letter", "received_at": "2026-11-02T09:00:00+08:00", "matter": "来信反映网点多收手续费，要求退还。",
    "complainant": {"name": "演示客户乙", "address": "上海市演示路七号"}, "product": "account",
}  # fmt: skip
MAJOR: Json = CARD | {
    "matter": "手机银行昨夜故障，数百名客户转账扣款未到账，客户已在网点聚集，媒体正在采访。",
    "product": "mobile_banking", "affected_customers": 300, "amount": {"value": "800000.00", "currency": "CNY"},
}  # fmt: skip
RESOLUTION: Json = {
    "findings": "系统批处理重复入账。", "responsibility": "我行", "measures": "已冲正，并修复批处理。",
    "root_cause": "duplicate_posting", "reply": "已退还您的年费并致歉。",
    "redress": {"kind": "compensation", "amount": {"value": "8600.00", "currency": "CNY"}},
}  # fmt: skip


def said(here: Running, user: str, path: str, body: Json) -> Json:
    """One act over the API."""
    answer = here.call(user, "POST", path, body)
    assert answer.status_code < 300, (path, answer.text)
    case: Json = answer.json()
    return case


def furnished(here: Running) -> dict[str, str]:
    """A few cases of today; the pages to look at, by whose they are and what they are called."""
    case = said(here, "agent", "/complaints", CARD)
    holder, reference = case["assignment"]["handler"], case["reference"]
    said(here, holder, f"/complaints/{reference}/acceptance", {})
    said(here, holder, f"/complaints/{reference}/resolution", RESOLUTION)
    said(here, "agent", "/complaints", LATE)
    held = said(here, "agent", "/complaints", CARD | {"matter": "柜员态度生硬，排队两小时无人引导，要求道歉。"})
    if held["assignment"]:
        said(here, held["assignment"]["handler"], f"/complaints/{held['reference']}/acceptance", {})
    incident = said(here, "agent", "/complaints", MAJOR)["incident"]["id"]
    said(here, "manager", f"/incidents/{incident}/acknowledgement", {})
    said(here, "manager", f"/incidents/{incident}/log", {"kind": "action", "text": "已停用转账渠道，网点安抚客户。"})
    said(here, "manager", f"/incidents/{incident}/tasks", {"owner": "handler.legal", "text": "核对受影响客户名单"})
    said(here, "agent", f"/complaints/{reference}/disclosures", {"purpose": "call_customer"})
    return {
        "new agent": "new", "calls agent": "calls", f"mine {holder}": "mine",
        f"case {holder}": f"complaints/{reference}", "cases supervisor": "complaints?breached=true",
        "approvals supervisor": "approvals", "approval supervisor": f"approvals/{reference}-A1",
        "team supervisor": "team", "incidents manager": "incidents", "incident manager": f"incidents/{incident}",
        "task handler.legal": f"incidents/{incident}/tasks/1", "board manager": "board?period=days30",
        "kiosk manager": "board?kiosk=1&period=days30", "ops ops": "ops", "process ops": f"ops/{reference}",
        "query-log auditor": "query-log", "audit auditor": "audit", "knowledge agent": "knowledge?q=年费",
        "notices agent": "notices", "me agent": "../me",
    }  # fmt: skip


def signed_in(browser: Browser, here: Running, user: str, language: str, look: Json) -> Page:
    """That person's own browser, speaking that language."""
    page = browser.new_context(base_url=f"http://127.0.0.1:{here.port}", **look).new_page()
    page.goto("/sign-in")
    page.fill("#username", user)
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url("**/desk/**")
    if (button := page.locator(f'button[name="language"][value="{language}"]')).count():
        button.first.click()
    return page


def shot(page: Page, name: str) -> None:
    """The whole page, in few colours; a very long one is cut."""
    image = Image.open(BytesIO(page.screenshot(full_page=True)))
    image = image.crop((0, 0, image.width, min(image.height, TALLEST))).convert("RGB")
    image.quantize(64, dither=Image.Dither.NONE).save(OUT / f"{name}.png", optimize=True)


def looked_at(here: Running, browser: Browser, pages: dict[str, str]) -> None:
    """Every page in every look."""
    for look, language, viewport, dark in LOOKS:
        people: dict[str, Page] = {}
        style = {"viewport": viewport, "color_scheme": "dark" if dark else "light"}
        for title, path in pages.items():
            name, user = title.split(" ")
            if user not in people:
                people[user] = signed_in(browser, here, user, language, style)
            wall = name == "kiosk" and look != "phone"
            people[user].set_viewport_size(WALL if wall else viewport)  # type: ignore[arg-type]  # a TypedDict
            people[user].goto(f"/desk/{path}")
            shot(people[user], f"{name}-{look}")
        for page in people.values():
            page.context.close()


def main() -> int:
    """Make them all."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    with TemporaryDirectory(prefix="amends-pictures-", ignore_cleanup_errors=True) as folder:  # noqa: SIM117
        with running(Path(folder) / "data") as here:
            asyncio.run(command.told(here.settings(), SEEDED, 400, 1, sure=False))
            pages = furnished(here)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
                looked_at(here, browser, pages)
                browser.close()
    lines = ["# The console's pages", "", "Made by `make pictures`: demo people, a seeded history.", ""]
    for title, path in pages.items():
        name, user = title.split(" ")
        lines += [f"## `/desk/{path}` ({user})", ""]
        lines += [f"![{name}, {look}](images/console/{name}-{look}.png)" for look, *_ in LOOKS] + [""]
    PAGE.write_text("\n".join(lines))
    print(f"{3 * len(pages)} pictures, {sum(p.stat().st_size for p in OUT.glob('*.png')) // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
