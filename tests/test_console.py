"""The console in Chromium: its pages held against WCAG 2.2 AA (axe) and the Nu HTML checker; nothing leaves the host."""

from pathlib import Path

import pytest
from browser import newcomer
from console import CHROMIUM, JAVA, console
from office import Office
from views import in_hand

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: chromium is not installed")


@pytest.fixture(scope="module")
async def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


@pytest.mark.parametrize(("language", "dark", "phone"), [("zh-CN", False, False), ("en", True, True)])
async def test_the_pages_of_a_handler_are_accessible_and_valid(
    office: Office, tmp_path: Path, language: str, dark: bool, phone: bool
) -> None:
    reference, _ = await in_hand(office)
    name = await newcomer(office, roles=["handler", "supervisor"], department="card_centre", language=language)
    async with console(office) as desk:
        page = await desk.signed_in(name, dark=dark, phone=phone)
        for path in ("mine", "complaints", f"complaints/{reference}", "notices"):
            await page.goto(f"/desk/{path}")
            await page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            await desk.look(page, path.replace("/", "-"))
        wrong = [*desk.wrong, *(desk.check_html(tmp_path) if JAVA else [])]
    assert not wrong, "\n".join(wrong)
