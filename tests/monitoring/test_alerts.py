"""Rules and alerts before promtool: they are well formed, and fire when they should and not before."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.monitoring.alerts import ALERTS
from deploy.monitoring.files import write
from deploy.monitoring.scraping import Surroundings
from tests.conftest import ROOT
from tests.debian import program

CASES = Path(__file__).with_name("alerts.yml")


@pytest.fixture(scope="module")
def promtool() -> str:
    return program("promtool", "prometheus")


def run(*command: str | Path) -> str:
    """Run a program to its end; return what it says if it found something wrong."""
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    return done.stdout if done.returncode else ""


@pytest.mark.parametrize("pace", [1, 60])
def test_what_prometheus_and_alertmanager_read_is_well_formed(promtool: str, tmp_path: Path, pace: int) -> None:
    targets = {"worker": ["127.0.0.1:6066"]} if pace > 1 else None
    write(tmp_path, Surroundings(targets, webhook="http://127.0.0.1/" if pace > 1 else "", pace=pace))
    assert run(promtool, "check", "config", tmp_path / "prometheus" / "prometheus.yml") == ""
    amtool = program("amtool", "prometheus-alertmanager")
    assert run(amtool, "check-config", tmp_path / "alertmanager" / "alertmanager.yml") == ""


def test_the_handbooks_command_writes_the_same_for_other_places(promtool: str, tmp_path: Path, root: Path) -> None:
    handbook = (root / "docs" / "operations.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^    python (-m deploy\.monitoring .*)$", handbook, re.MULTILINE)
    assert run(sys.executable, *line.replace("FOLDER", str(tmp_path)).split()) == ""
    assert run(promtool, "check", "config", tmp_path / "prometheus" / "prometheus.yml") == ""
    for name in ("prometheus/rules.yml", "alertmanager/alertmanager.yml"):
        assert (tmp_path / name).read_text(encoding="utf-8") == (root / "deploy" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("target", ["worker", "worker=6066", "broker=127.0.0.1:9092"])
def test_a_target_that_is_none_is_refused_with_what_was_expected(target: str, tmp_path: Path) -> None:
    told = run(sys.executable, "-m", "deploy.monitoring", tmp_path, "--target", target)
    assert f"expected KIND=HOST:PORT with KIND one of worker, model, trainer, channel, api; got {target!r}" in told


def test_alerts_fire_when_they_should_and_not_before(promtool: str) -> None:
    assert run(promtool, "test", "rules", CASES) == ""


def test_a_rule_that_is_wrong_is_found(promtool: str, tmp_path: Path, root: Path) -> None:
    rules = (root / "deploy/prometheus/rules.yml").read_text(encoding="utf-8")
    (tmp_path / "rules.yml").write_text(rules.replace("lag_seconds) > 30", "lag_seconds) > 50"), encoding="utf-8")
    cases = CASES.read_text(encoding="utf-8").replace("../../deploy/prometheus/rules.yml", str(tmp_path / "rules.yml"))
    (tmp_path / "cases.yml").write_text(cases, encoding="utf-8")
    assert "alertname: WorkerLagging" in run(promtool, "test", "rules", tmp_path / "cases.yml")


def test_every_alert_is_seen_firing_and_not_firing() -> None:
    told: dict[str, set[bool]] = defaultdict(set)
    cases: list[dict[str, Any]] = yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]
    for check in (check for case in cases for check in case["alert_rule_test"]):
        told[check["alertname"]].add(bool(check["exp_alerts"]))
    assert told == {alert.name: {True, False} for alert in ALERTS}
