"""The incident room and the auditor's pages in Chromium: held against WCAG 2.2 AA (axe) and the Nu HTML checker."""

from pathlib import Path

import pytest
from browser import newcomer
from console import CHROMIUM, JAVA, console
from moves import ANSWER
from office import MAJOR, Office

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: chromium is not installed")


@pytest.mark.parametrize(("language", "dark", "phone"), [("zh-CN", False, False), ("en", True, True)])
async def test_the_pages_of_managers_and_auditors_are_accessible_and_valid(
    office_of_the_file: Office, tmp_path: Path, language: str, dark: bool, phone: bool
) -> None:
    office = office_of_the_file
    waits, incident = [(await office.open(MAJOR))["incident"]["id"] for _ in range(2)]
    for act, body in (
        ("acknowledgement", {}),
        ("log", {"text": "切换至备用机房"}),
        ("tasks", {"owner": "agent", "text": "回访客户"}),
        ("answer", ANSWER),
    ):
        await office.post("manager", f"/incidents/{incident}/{act}", body)
    name = await newcomer(office, roles=["manager", "auditor"], language=language)
    room = f"incidents/{incident}"
    async with console(office) as desk:
        page = await desk.signed_in(name, dark=dark, phone=phone)
        for path in ("incidents", f"incidents/{waits}", room, f"{room}/print", f"{room}/tasks/1", "query-log", "audit"):
            await page.goto(f"/desk/{path}")
            await page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            await desk.look(page, path.replace("/", "-"))
        await page.click("section#chain button")
        await desk.look(page, "audit-checked")
        wrong = [*desk.wrong, *(desk.check_html(tmp_path) if JAVA else [])]
    assert not wrong, "\n".join(wrong)
