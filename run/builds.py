"""Which build of the product this is: the same files give the same ID, on every machine.

Temporal sends a case's next step to a worker of the build that is current (docs/upgrading.md), so two different
checkouts must never share an ID, whatever version they say they are.
"""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import WorkerDeploymentConfig

from run.settings import Settings

DEPLOYMENT = "amends"
PACKAGES = (
    "run", "api", "workflows", "activities", "register", "vault", "policies", "complaints", "templates",
)  # fmt: skip
ROOT = Path(__file__).parents[1]


def build_id(settings: Settings) -> str:
    """The one the settings name, or this product's version with a digest of its files."""
    return settings.build_id or f"{version('amends')}-{digest(ROOT)}"


@cache
def digest(root: Path) -> str:
    """Twelve digits that change with any file of the product below that folder."""
    total = hashlib.sha256()
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                total.update(f"{file.relative_to(root).as_posix()}\0".encode())
                total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:12]


def deployment(settings: Settings) -> WorkerDeploymentConfig | None:
    """How a worker of this build asks for work; None on a server without Worker Deployment Versioning.

    Auto-upgrade: an open case goes on with whatever build is current; patches keep it on its way (workflow.patched).
    """
    if not settings.versioning:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(DEPLOYMENT, build_id(settings)),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )
