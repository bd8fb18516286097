"""Time and weight of the console's pages, at 10,000 seeded complaints and at N side by side; plans of the queries.

    make pages N=1000000            its own stack, in a folder that is gone afterwards
    make pages N=1000000 DATA=DIR   on the folder of an `amends run` that is not running now; it is seeded up to N

Writes build/pages.json, build/pages-plans.txt and a summary. A page is asked by every role that may open it;
one that is not there is left out.
"""

import argparse
import asyncio
import json
import re
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psycopg
from clerks import UNLIMITED
from plans import condensed, explained
from stack import PASSWORD, Running, running

from register import read
from run import connect
from run.seed import command
from run.settings import Settings

SMALL, WARM, ASKED, RARE = 10_000, 3, 40, "unheard-of"
ROLES = ("agent", "handler", "supervisor", "manager", "auditor", "ops", "admin")
OUT = Path("build")
Json = dict[str, Any]


async def pages(settings: Settings) -> dict[str, str]:
    """What is asked for, by what it is called: of an open case, and of the customer of a closed one."""
    engine = connect.register(settings)
    one = "SELECT reference FROM complaint WHERE stage {} 'closed' AND customer_number_index IS NOT NULL LIMIT 1"
    with psycopg.connect(address(settings), autocommit=True) as db:
        known = [db.execute(one.format(sign)).fetchone() for sign in ("<>", "=")]
    assert known[0] and known[1], "there is no open and closed case to look at"
    form = (await read.forms(engine, [known[1][0]]))[known[1][0]]
    await engine.dispose()
    return {
        "my cases": "/desk/mine",
        "case page": f"/desk/complaints/{known[0][0]}",
        "list": "/desk/complaints",
        "search by customer": f"/desk/complaints?q={form['complainant']['customer_number']}",
        "search by words": "/desk/complaints?q=%E5%B9%B4%E8%B4%B9",
        "search by rare words": f"/desk/complaints?q={RARE}",
        "approvals": "/desk/approvals",
        "board": "/desk/board",
    }


def address(settings: Settings) -> str:
    """The register, as its owner, for psycopg."""
    assert settings.owner_url
    return settings.owner_url.get_secret_value().replace("+psycopg", "", 1)


def signed_in(here: Running, role: str) -> httpx.Client:
    """That role's browser."""
    base = f"http://127.0.0.1:{here.port}"
    headers = {"Origin": base, "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
    browser = httpx.Client(base_url=base, follow_redirects=True, headers=headers, timeout=60)
    answer = browser.post("/sign-in", data={"username": role, "password": PASSWORD, "next": ""}, follow_redirects=False)
    assert answer.is_redirect, f"{role} cannot sign in: {answer.status_code}"
    return browser


def asked(browsers: list[httpx.Client], paths: list[str]) -> list[Json | None]:
    """A page of each side, asked by turns so that a machine that is faster for a while is so for both.

    Milliseconds (p50, p95) and bytes; None for a page that is not there, or not for this role.
    """
    sides = [(browser, path, list[float]()) for browser, path in zip(browsers, paths, strict=True)]
    if any(browser.get(path).status_code != 200 for browser, path, _ in sides):
        return [None for _ in sides]
    for n in range(WARM + ASKED):
        for browser, path, times in sides:
            began = time.perf_counter()
            answer = browser.get(path)
            if n >= WARM:
                times.append(1000 * (time.perf_counter() - began))
            assert answer.status_code == 200, f"{path}: {answer.status_code}"
    return [_figures(*side) for side in sides]


def _figures(browser: httpx.Client, path: str, times: list[float]) -> Json:
    answer, cuts = browser.get(path), statistics.quantiles(times, n=20, method="inclusive")
    links = set(re.findall(r'<(?:link|script)[^>]+(?:href|src)="([^":]+\.(?:css|js)[^"]*)"', answer.text))
    parts = sum(len(browser.get(answer.url.join(link)).content) for link in links)
    return {"p50": round(cuts[9], 1), "p95": round(cuts[18], 1), "html": len(answer.content), "css and js": parts}


def measured(sides: list[Running]) -> list[Json]:
    """Every page by every role, of each side."""
    settings = [here.settings() for here in sides]
    found = [_size(one) for one in settings]
    paths = [asyncio.run(pages(one)) for one in settings]
    for role in ROLES:
        browsers = [signed_in(here, role) for here in sides]
        for name in paths[0]:
            for side, figures in zip(found, asked(browsers, [p[name] for p in paths]), strict=True):
                if figures:
                    side["pages"][f"{name}, {role}"] = figures
        for browser in browsers:
            browser.close()
    return found


def _size(settings: Settings) -> Json:
    with psycopg.connect(address(settings), autocommit=True) as db:
        db.execute("VACUUM ANALYZE")
        row = db.execute("SELECT count(*), pg_database_size(current_database()) FROM complaint").fetchone()
    assert row
    return {"complaints": row[0], "database MB": row[1] // 1_000_000, "pages": {}}


def filled(settings: Settings, to: int) -> None:
    """Seed what is missing."""
    with psycopg.connect(address(settings)) as db:
        row = db.execute("SELECT count(*) FROM complaint").fetchone()
    if row and row[0] < to:
        asyncio.run(command.told(settings, to - row[0], 1095, row[0] + 1, sure=False))


def shown(small: Json | None, large: Json) -> None:
    """The table of what was measured."""
    against = f"; against {small['complaints']}" if small else ""
    print(f"\n{large['complaints']} complaints, {large['database MB']} MB{against}")
    print(f"{'page, role':<34}{'p50 ms':>9}{'p95 ms':>9}{'growth':>9}{'html kB':>9}{'before':>9}{'all kB':>9}")
    for name, one in large["pages"].items():
        before = small["pages"][name] if small else None
        growth = f"{one['p50'] / before['p50']:.2f}" if before else "-"
        was = f"{before['html'] / 1000:.1f}" if before else "-"
        html, whole = one["html"] / 1000, (one["html"] + one["css and js"]) / 1000
        print(f"{name:<34}{one['p50']:>9.1f}{one['p95']:>9.1f}{growth:>9}{html:>9.1f}{was:>9}{whole:>9.1f}")


def main(number: int, data: str | None) -> int:
    """Measure at both sizes, side by side, and write it all down."""
    OUT.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="amends-pages-", ignore_cleanup_errors=True) as own, ExitStack() as stack:
        folders = {number: Path(data).resolve() if data else Path(own) / "large"}
        if number > SMALL:
            folders = {SMALL: Path(own) / "small"} | folders
        sides = [stack.enter_context(running(folder, **UNLIMITED)) for folder in folders.values()]
        for here, size in zip(sides, folders, strict=True):
            filled(here.settings(), size)
        *small, large = measured(sides)
        (OUT / "pages.json").write_text(json.dumps([*small, large], indent=1))
        shown(small[0] if small else None, large)
        settings = sides[-1].settings()
        plans = asyncio.run(explained(settings, asyncio.run(pages(settings)), address(settings), PASSWORD))
        (OUT / "pages-plans.txt").write_text(plans)
        (OUT / "pages-plans.md").write_text(condensed(plans))
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("number", type=int)
    parser.add_argument("--data")
    wanted = parser.parse_args()
    sys.exit(main(wanted.number, wanted.data))
