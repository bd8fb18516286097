"""What being watched costs: acts over HTTP on a whole stack, by turns without figures and traces, with, and with both.

python benchmarks/watched.py [ACTS] [ROUNDS]
"""

import asyncio
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import structlog
from stack import Running, running

from api.app import create_app
from api.parts import Parts
from api.watching import Watched
from run.stack import free_port

FORM = {"channel": "telephone", "complainant": {"name": "测试", "phone": "13800000000"}, "product": "credit_card"}


class Sink(BaseHTTPRequestHandler):
    """Takes traces and keeps none."""

    def do_POST(self) -> None:
        """An answer is all the exporter wants."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def acts(here: Running, number: int) -> list[float]:
    """Milliseconds that each of so many complaints took to open."""
    took = []
    for n in range(number):
        began = time.perf_counter()
        answer = here.call("agent", "POST", "/complaints", FORM | {"matter": f"年费 {n} {began}"})
        took.append(1000 * (time.perf_counter() - began))
        assert answer.status_code == 201, answer.text
    return took


def turn(number: int, scraped: bool, **environment: str) -> float:
    """The median of one stack's complaints; `scraped`: Prometheus asks both processes each second meanwhile."""
    folder, over = Path(tempfile.mkdtemp()), threading.Event()
    try:
        with running(folder / "var", **environment) as here:
            acts(here, 10)

            def ask() -> None:
                while scraped and not over.wait(1):
                    here.http.get("/metrics").raise_for_status()
                    httpx.get(f"http://127.0.0.1:{environment['AMENDS_METRICS_PORT']}/metrics").raise_for_status()

            asking = threading.Thread(target=ask)
            asking.start()
            took = median(acts(here, number))
            over.set()
            asking.join()
            return took
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def layer(requests: int) -> float:
    """Microseconds of processor time that the measuring layer adds to a request that does nothing else; by turns."""
    parts: Any = Parts(None, None, "", "")  # type: ignore[arg-type]  # /healthz asks none of them
    took: dict[bool, list[float]] = {True: [], False: []}
    async with AsyncExitStack() as open_clients:
        clients = {}
        for watched in took:
            app = create_app(parts)
            app.user_middleware = [m for m in app.user_middleware if watched or m.cls is not Watched]
            transport = httpx.ASGITransport(app)
            clients[watched] = await open_clients.enter_async_context(
                httpx.AsyncClient(transport=transport, base_url="http://web")
            )
        for _ in range(requests):
            for watched, http in clients.items():
                began = time.process_time()
                await http.get("/healthz")
                took[watched].append(1e6 * (time.process_time() - began))
    return median(took[True]) - median(took[False])


def main(number: int, rounds: int) -> None:
    """Measure by turns, and print the medians."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(20))  # info, as at work
    print(f"the measuring layer: {asyncio.run(layer(3000)):.0f} µs of processor time a request")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    traces = {"AMENDS_TRACES": f"http://127.0.0.1:{server.server_port}"}
    ways: dict[str, Callable[[], float]] = {
        "off": lambda: turn(number, scraped=False),
        "figures, scraped each second": lambda: turn(number, scraped=True, AMENDS_METRICS_PORT=str(free_port())),
        "figures and traces": lambda: turn(number, scraped=True, AMENDS_METRICS_PORT=str(free_port()), **traces),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(way())
    for name, medians in found.items():
        shown = ", ".join(f"{m:.1f}" for m in medians)
        print(f"{name}: opening a complaint takes {median(medians):.1f} ms (medians of {number}: {shown})")
    server.shutdown()


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(*(given + [100, 3][len(given) :]))
