"""Real parts for the tests: PostgreSQL, Temporal with a clock that can skip, an SMTP peer, an HTTP gateway."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from contract import ALL as ROLES
from contract import sessions_of
from keys import MASTER, register_at
from office import PASSWORD, Office, OpenOffice, office_at
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

from activities.channels import Post
from api.oidc import Provider
from run import demo, local_postgres, sink
from run.drill import servers
from run.drill.office import QUICK
from run.stack import temporal_binary
from vault.codec import data_converter
from workflows.search_attributes import ALL

if TYPE_CHECKING:
    from provider import IdentityProvider


HANGS = 240
"""Seconds after which an asynchronous test is taken for one that waits for ever; the longest takes thirty."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that hangs fails where it waits; it does not take the whole run with it."""
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.obj = _bounded(item.obj)


def _bounded(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def within(*args: Any, **fixtures: Any) -> None:
        async with asyncio.timeout(HANGS):
            await test(*args, **fixtures)

    return within


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command that is called in a test sets up logs for itself, on a stream that is closed after it."""
    root = logging.getLogger()
    before, handlers, level, raises = structlog.get_config(), root.handlers[:], root.level, logging.raiseExceptions
    yield
    structlog.configure(**before)
    root.handlers[:], root.level, logging.raiseExceptions = handlers, level, raises
    logging.captureWarnings(False)


SHORT_RUNS = ["--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=150"]


@pytest.fixture(scope="session")
def owner_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL, as its superuser."""
    with servers.postgres(tmp_path_factory.mktemp("pg") / "data") as url:
        yield url("postgres")


@pytest.fixture(scope="session")
def database_url(owner_url: str) -> str:
    """It has the register's tables; worker and web, and so the tests, use them with the rights they have at work."""
    return local_postgres.prepared(owner_url, MASTER)


@pytest.fixture(scope="session")
async def register(database_url: str) -> AsyncIterator[AsyncEngine]:
    """The register, furnished with the demo office."""
    engine = register_at(database_url)
    await demo.furnish(engine, PASSWORD, fixed=True, hasher=QUICK)
    await sessions_of(engine, *ROLES)
    yield engine
    await engine.dispose()


@pytest.fixture(scope="session")
async def temporal(register: AsyncEngine) -> AsyncIterator[WorkflowEnvironment]:
    """A real Temporal server whose workflows stand still until a test moves their clock."""
    env = await WorkflowEnvironment.start_time_skipping_v2(
        ts_config=TimeSkippingConfig(enabled=False),
        data_converter=data_converter(register, "default"),
        dev_server_existing_path=temporal_binary(),
        dev_server_extra_args=[*servers.SKIPPING, *SHORT_RUNS],
        dev_server_log_level="never",
        search_attributes=ALL,
    )
    async with env:
        yield env


@pytest.fixture(scope="session")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> sink.Mailbox:
    """The folder where everything that was sent ends up."""
    return sink.Mailbox(tmp_path_factory.mktemp("mail"))


@pytest.fixture(scope="session")
def post(mailbox: sink.Mailbox, register: AsyncEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    """The ways out: a real SMTP peer and a real HTTP gateway on loopback, and a print queue."""
    prints = tmp_path_factory.mktemp("print")
    with servers.gateway(mailbox) as gateway, servers.ways_out(mailbox, gateway, prints, register) as post:
        yield post


@pytest.fixture
def office_on(
    temporal: WorkflowEnvironment, register: AsyncEngine, post: Post, tmp_path_factory: pytest.TempPathFactory
) -> OpenOffice:
    """`async with office_on(datetime(2026, 2, 13, 10)) as office`: an office where it is that day and hour."""

    def begin(
        moment: datetime, other_post: Post | None = None, *, mass: bool = False
    ) -> AbstractAsyncContextManager[Office]:
        """`mass`: complaints join major incidents by rule; otherwise those of one test would join another's."""
        without = () if mass else ("mass",)
        folder = tmp_path_factory.mktemp("rules")
        return office_at(moment, temporal, register, other_post or post, folder, None, *without)

    return begin


@pytest.fixture(scope="module")
async def office_of_the_file(
    request: pytest.FixtureRequest,
    temporal: WorkflowEnvironment,
    register: AsyncEngine,
    post: Post,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Office]:
    """One office for the whole file; its tests move the clock of a case by a second at most.

    With `PUBLIC` in the file, its letters carry links to that address.
    """
    public_url: str | None = getattr(request.module, "PUBLIC", None)
    folder = tmp_path_factory.mktemp("rules")
    async with office_at(datetime(2026, 3, 10, 10), temporal, register, post, folder, public_url, "mass") as here:
        yield here


@pytest.fixture
async def office(office_on: OpenOffice) -> AsyncIterator[Office]:
    """An office on an ordinary Tuesday morning."""
    async with office_on(datetime(2026, 3, 10, 10)) as here:
        yield here


@pytest.fixture(scope="session")
def idp() -> Iterator[IdentityProvider]:
    """The bank's identity provider, a real one on loopback."""
    from provider import provider  # Flask and its friends, for those who sign in there only

    with provider() as running:
        yield running


@pytest.fixture(scope="session")
def ours(idp: IdentityProvider) -> Provider:
    """Our side of it, as the settings would make it."""
    return idp.client(secret="s3cret")
