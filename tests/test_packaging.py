"""The cluster packaging, as far as it can be checked without a Docker engine."""

import asyncio
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from keys import MASTER_KEYS
from temporalio.testing import WorkflowEnvironment

from complaints.names import TASK_QUEUE
from run import local_postgres
from run.cli import app
from run.settings import Settings

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE_TEXT)["services"]
OURS = {name for name, service in SERVICES.items() if "build" in service}
ONCE = {name for name, service in SERVICES.items() if service.get("restart", "").startswith("on-failure")}
NAMESPACE_SH = ROOT / "deploy/temporal/namespace.sh"

DOCKERFILE = re.sub(r"(?m)^#.*\n", "", (ROOT / "Dockerfile").read_text()).replace("\\\n", " ")
INSTRUCTIONS = [tuple(line.split(maxsplit=1)) for line in DOCKERFILE.splitlines() if line.strip()]

each_service = pytest.mark.parametrize("name", SERVICES)
SECRET = re.compile(r"PASSWORD|PWD|SECRET|TOKEN|API_KEY")


def call(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def said(instruction: str) -> list[str]:
    return [words for name, words in INSTRUCTIONS if name == instruction]


def test_the_compose_file_follows_the_compose_specification() -> None:
    command = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec")
    call(*command, ROOT / "docker-compose.yml")


def test_the_dockerfile_passes_hadolint() -> None:
    call(BIN / "hadolint", ROOT / "Dockerfile")


@pytest.mark.parametrize("script", sorted(ROOT.glob("deploy/**/*.sh")), ids=lambda path: path.name)
def test_shell_scripts_can_be_read_by_sh(script: Path) -> None:
    call("sh", "-n", script)


def test_images_are_pinned_by_a_version() -> None:
    others = [service["image"] for name, service in SERVICES.items() if name not in OURS]
    for image in others + [base.split()[0] for base in said("FROM")]:
        assert re.fullmatch(r"[\w./-]+:v?\d[\w.-]*", image), image


def test_our_image_carries_the_version_of_the_project() -> None:
    assert {SERVICES[name]["image"] for name in OURS} == {f"amends:{PROJECT['project']['version']}"}


@each_service
def test_what_a_service_waits_for_exists_and_can_happen(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        wanted = "service_completed_successfully" if other in ONCE else "service_healthy"
        assert how["condition"] == wanted, f"{name} waits for {other}"


@each_service
def test_a_service_either_ends_or_stays_up_and_says_how_it_is(name: str) -> None:
    if name in ONCE:
        return
    assert SERVICES[name].get("restart") == "unless-stopped"
    own = SERVICES[name].get("healthcheck", {}).get("test")
    assert own or (name in OURS and said("HEALTHCHECK")), f"{name} has no health check"


@each_service
def test_ports_are_open_to_this_machine_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:"), port


@each_service
def test_mounted_files_exist(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source = volume.split(":")[0]
        assert not source.startswith(".") or (ROOT / source).exists(), source


@each_service
def test_no_secret_is_written_in_the_compose_file(name: str) -> None:
    for key, value in SERVICES[name].get("environment", {}).items():
        if SECRET.search(key):
            assert value is None or re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), f"{key} has a value or a default"
        assert not re.search(r"://[^/\s]*:(?!\$\{)[^/\s]*@", str(value)), f"{key} holds a password"


def test_the_environment_example_names_every_variable_and_gives_none_a_value() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    given = dict(line.removeprefix("#").split("=", 1) for line in lines if re.match(r"#?[A-Z_]+=", line))
    passed_on = {key for s in SERVICES.values() for key, value in s.get("environment", {}).items() if value is None}
    assert set(given) == set(re.findall(r"(?<!\$)\$\{(\w+)", COMPOSE_TEXT)) | passed_on
    assert not any(given.values())
    needed = {line.split("=")[0] for line in lines if re.match(r"[A-Z_]+=", line)}
    assert needed == set(re.findall(r"\$\{(\w+):\?", COMPOSE_TEXT))


def test_every_setting_passed_to_a_part_is_one_it_knows() -> None:
    text = COMPOSE_TEXT + DOCKERFILE
    assert set(re.findall(r"\bAMENDS_(\w+)", text)) <= {name.upper() for name in Settings.model_fields}


def test_every_part_of_ours_has_what_all_of_them_need() -> None:
    shared = yaml.safe_load(COMPOSE_TEXT)["x-amends"]["environment"]
    assert "AMENDS_MASTER_KEYS" in shared
    for name in OURS:
        assert SERVICES[name]["environment"].items() >= shared.items(), f"{name} has an environment of its own alone"


def test_the_register_is_brought_up_with_what_compose_gives_its_service(tmp_path: Path) -> None:
    def filled(value: str) -> str:
        """As compose fills it in: what was given, else the default, else a word."""
        while "${" in value:
            value = re.sub(
                r"\$\{(\w+)(?::(?:-([^${}]*)|\?[^${}]*))?\}", lambda m: given.get(m[1], m[2] or "word"), value
            )
        return value

    service, server = SERVICES["migrate"], local_postgres.start(tmp_path / "postgres")
    try:
        given = {"AMENDS_MASTER_KEYS": MASTER_KEYS, "AMENDS_OWNER_URL": local_postgres.url(server)}
        environment = {name: filled(str(value)) for name, value in service["environment"].items() if value is not None}
        assert "register is at" in call(BIN / "amends", *service["command"], **environment)
    finally:
        server.stop()


def test_commands_exist_in_the_command_line() -> None:
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # it is a group
    used = {SERVICES[name]["command"][0] for name in OURS} | {json.loads(words)[0] for words in said("CMD")}
    assert used == {"worker", "web", "migrate", "promote"}
    assert used <= set(known)


def test_workers_and_web_servers_are_two_each() -> None:
    assert {name: SERVICES[name]["deploy"]["replicas"] for name in ("worker", "web")} == {"worker": 2, "web": 2}


def test_the_workers_health_check_asks_about_our_task_queue() -> None:
    assert f"TaskQueue = '{TASK_QUEUE}'" in SERVICES["worker"]["healthcheck"]["test"][1]


def test_the_image_runs_as_nobody_in_particular() -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", said("USER")[-1])
    assert said("ENTRYPOINT") == ['["amends"]']


def test_the_image_takes_nothing_unchecked_from_the_network() -> None:
    assert not said("ADD")
    steps = [step.strip() for words in said("RUN") for step in words.split("&&")]
    assert not [step for step in steps if re.search(r"\b(curl|wget|git clone)\b", step)]
    for step in (s for s in steps if re.search(r"\bpip (install|wheel|download)\b", s)):
        assert "--require-hashes" in step or {"--no-deps", "--no-build-isolation"} <= set(step.split()), step
    assert sum("--require-hashes" in step and "requirements.lock" in step for step in steps) == 1
    for words in (w for w in said("RUN") if "apt-get install" in w):
        assert "rm -rf /var/lib/apt/lists/*" in words


def test_the_image_holds_no_secret() -> None:
    for words in said("ENV") + said("ARG"):
        assert not SECRET.search(words), words


def test_the_build_is_given_every_package_and_nothing_that_is_not_named() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    packages = {name.removesuffix("*") for name in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    files = {"pyproject.toml", PROJECT["project"]["readme"], "requirements.lock"}
    assert {rule[1:] for rule in rules if rule.startswith("!")} == packages | files
    assert [file for file in sorted(packages | files) if not (ROOT / file).exists()] == []


def wanted_attributes() -> dict[str, str]:
    text = (ROOT / "workflows/search_attributes.py").read_text()
    found = {name: kind.title().replace("_", "") for kind, name in re.findall(r'for_(\w+)\(\s*"(Amends\w+)"', text)}
    assert set(found) == set(re.findall(r'"(Amends[A-Z]\w*)"', text)), "a search attribute whose type is not plain"
    return found


def test_the_namespace_script_makes_the_search_attributes_of_the_process() -> None:
    assert dict(re.findall(r"(?m)^attribute (\w+) (\w+)$", NAMESPACE_SH.read_text())) == wanted_attributes()


async def test_the_namespace_script_works_on_a_real_server_and_again() -> None:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(BIN / "temporal"), dev_server_log_level="never"
    ) as server:
        here = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "TEMPORAL_ADDRESS": server.client.service_client.config.target_host,
            "TEMPORAL_NAMESPACE": "bank",
            "RETENTION": "90d",
            "RETRY_SECONDS": "1",
        }
        for _ in range(2):
            await asyncio.to_thread(call, "sh", NAMESPACE_SH, **here)
        listed = await asyncio.to_thread(
            call, BIN / "temporal", "operator", "search-attribute", "list", "-o", "json", **here
        )
    kinds = {
        name: kind.removeprefix("INDEXED_VALUE_TYPE_") for name, kind in json.loads(listed)["customAttributes"].items()
    }
    assert {name: kind.title().replace("_", "") for name, kind in kinds.items()} == wanted_attributes()
