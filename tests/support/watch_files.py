"""The alert rules and the dashboard, as files, and which metrics they use."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy/prometheus"
ALERTS: list[dict[str, Any]] = yaml.safe_load((PROMETHEUS / "alerts.yaml").read_text())["groups"][0]["rules"]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana/amends.json").read_text())
PANELS: list[dict[str, Any]] = [p for p in DASHBOARD["panels"] if p["type"] != "row"]
LATER = {
    "amends_reconcile_left", "amends_reconcile_last_success_timestamp_seconds",
    "amends_erasing_last_success_timestamp_seconds", "up",
}  # fmt: skip
"""Made by what runs at fixed times, which is tested on its own; and by Prometheus itself."""


def metrics_of(expression: str) -> set[str]:
    """The names in a PromQL expression that are metrics."""
    plain = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(by|ignoring|on)\s*\([^)]*\)", "", expression)
    return set(re.findall(r"\b(?:amends|temporal|process)_\w+|\bup\b", plain))
