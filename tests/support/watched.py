"""An office that is watched: its client and worker serve figures to Prometheus and write traces."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from office import Office, free_port, office_at
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, Interceptor
from temporalio.testing import WorkflowEnvironment

from activities.channels import Post
from run.logs import temporal_runtime
from vault.codec import data_converter


class Skipping:
    """The clock of that server, through a client of our own."""

    def __init__(self, env: WorkflowEnvironment, client: Client) -> None:
        self.env, self.client = env, client

    def __getattr__(self, name: str) -> Any:
        return getattr(self.env, name)


@dataclass
class Watched:
    """The office, where its worker's figures are, and the case in it whose limits are broken."""

    office: Office
    port: int
    late: str = ""

    async def worker_says(self) -> list[Metric]:
        """The figures of worker and client."""
        async with httpx.AsyncClient() as http:
            return families((await http.get(f"http://127.0.0.1:{self.port}/metrics")).text)

    async def web_says(self) -> list[Metric]:
        """The figures of the web server."""
        answer = await self.office.http.get("/metrics")
        assert answer.status_code == 200
        return families(answer.text)


def families(text: str) -> list[Metric]:
    return list(text_string_to_metric_families(text))


def value(found: list[Metric], name: str, **labels: str) -> float:
    """The sum of all samples of that name with these labels."""
    return sum(s.value for m in found for s in m.samples if s.name == name and labels.items() <= s.labels.items())


@asynccontextmanager
async def watched_office(
    env: WorkflowEnvironment,
    register: AsyncEngine,
    post: Post,
    folder: Path,
    *interceptors: Interceptor,
) -> AsyncIterator[Watched]:
    port = free_port()
    client = await Client.connect(
        env.client.service_client.config.target_host,
        data_converter=data_converter(register, "default"),
        runtime=temporal_runtime(f"127.0.0.1:{port}"),
        interceptors=interceptors,
    )
    skipping: Any = Skipping(env, client)
    async with office_at(datetime(2026, 3, 10, 10), skipping, register, post, folder, None, "mass") as office:
        yield Watched(office, port)
