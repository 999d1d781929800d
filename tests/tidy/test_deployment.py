"""The compose file and the image are well formed and agree with the settings."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.broker.lock import KAFKA_VERSION
from agents.deployment import KINDS, ApiPlan, plan
from agents.policy_files import load_policy
from agents.settings import PREFIX, Settings
from deploy.monitoring.grafana import DATASOURCE
from tests import apicurio


@pytest.fixture(scope="module")
def services(root: Path) -> dict[str, Any]:
    compose = yaml.safe_load((root / "docker-compose.yml").read_text(encoding="utf-8"))
    assert compose.keys() <= {"name", "services", "volumes"}
    named: dict[str, Any] = compose["services"]
    return named


def test_compose_runs_the_kafka_that_we_test_with(services: dict[str, Any]) -> None:
    assert services["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_compose_runs_the_registry_that_we_test_with(services: dict[str, Any]) -> None:
    assert services["registry"]["image"] == f"apicurio/apicurio-registry:{apicurio.VERSION}"
    port = services["registry"]["ports"][0].rpartition(":")[2]
    assert services["worker"]["environment"]["CONTINUO_REGISTRY"] == f"http://registry:{port}/apis/ccompat/v7"


def test_compose_sets_settings_that_exist_to_values_that_are_valid(
    services: dict[str, Any], bare_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agents.settings import load

    ours = {name: value for one in services.values() for name, value in one.get("environment", {}).items()}
    ours = {name: str(value) for name, value in ours.items() if name.startswith(PREFIX)}
    for name, value in ours.items():
        monkeypatch.setenv(name, value)
    assert load().bootstrap == services["worker"]["environment"]["CONTINUO_BROKER"]


def test_compose_builds_the_image_that_is_there_under_its_version(services: dict[str, Any], root: Path) -> None:
    build = services["worker"]["build"]
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert (root / build["context"] / build["dockerfile"]).is_file()
    assert services["worker"]["image"] == f"continuo:{version}"


def test_processes_wait_for_a_policy_and_that_for_a_healthy_kafka_on_its_inner_listener(
    services: dict[str, Any],
) -> None:
    prepare, kafka = services["prepare"], services["kafka"]
    assert prepare["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    assert kafka["healthcheck"]["test"]
    inner = f"INSIDE://{prepare['environment']['CONTINUO_BROKER']}"
    assert inner in kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    for kind in KINDS:
        assert services[kind]["depends_on"] == {"prepare": {"condition": "service_completed_successfully"}}
        assert services[kind]["environment"] == prepare["environment"]
        assert services[kind]["expose"] == [str(Settings.model_fields["web_port"].default)]


def test_compose_runs_the_processes_that_the_policy_needs(services: dict[str, Any], root: Path) -> None:
    (mounted,) = services["prepare"]["volumes"]
    _, policy = load_policy(root / mounted.split(":")[0])
    planned = plan(policy, "", [0], count(1), KINDS, ApiPlan(Path("/etc/continuo/api/callers.toml"), 6066))
    told = [tuple(word for word in services[kind]["command"] if not word.isdigit()) for kind in KINDS]
    needed = [tuple(word for word in role.arguments if not word.isdigit()) for role in planned]
    assert sorted(told) == sorted(("worker",) if one[0] == "worker" else one for one in needed)


def test_an_image_of_others_is_pinned_to_a_version(services: dict[str, Any]) -> None:
    images = [one["image"].rpartition(":")[2] for one in services.values() if "build" not in one]
    assert [tag for tag in images if not re.fullmatch(r"v?\d+\.\d+\.\d+", tag)] == []


def test_what_compose_mounts_is_there_where_it_is_looked_for(services: dict[str, Any], root: Path) -> None:
    inside = {
        target: root / source
        for one in services.values()
        for source, target, *_ in (volume.split(":") for volume in one.get("volumes", []))
        if source.startswith(".")
    }
    assert all(path.is_dir() for path in inside.values())
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    provisioned = inside["/etc/grafana/provisioning"]
    (provider,) = read(provisioned / "dashboards" / "continuo.yml")["providers"]
    told = [flag.partition("=")[2] for one in services.values() for flag in one.get("command", []) if "config" in flag]
    for wanted in (home, provider["options"]["path"], *told):
        (target,) = [one for one in inside if wanted.startswith(one)]
        assert (inside[target] / Path(wanted).relative_to(target)).exists(), wanted


def test_grafana_asks_the_prometheus_that_compose_runs(services: dict[str, Any], root: Path) -> None:
    (source,) = read(root / "deploy/grafana/provisioning/datasources/continuo.yml")["datasources"]
    scraped = read(root / "deploy/prometheus/prometheus.yml")
    assert source["uid"] == DATASOURCE
    assert source["url"] == "http://prometheus:9090"
    assert source["jsonData"]["timeInterval"] == scraped["global"]["scrape_interval"]
    assert services["prometheus"]["ports"] == ["127.0.0.1:9090:9090"]
    (alertmanager,) = scraped["alerting"]["alertmanagers"]
    (job,) = scraped["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert alertmanager["static_configs"] == [{"targets": ["alertmanager:9093"]}]
    assert "alertmanager" in services
    assert (sorted(found["names"]), [str(found["port"])]) == (sorted(KINDS), services["worker"]["expose"])


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_image_is_well_built_and_does_not_run_as_root(root: Path) -> None:
    hadolint = shutil.which("hadolint") or str(root / ".venv" / "bin" / "hadolint")
    checked = subprocess.run([hadolint, "deploy/Dockerfile"], cwd=root, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    text = (root / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    assert "\nUSER 10001\n" in text.rpartition("FROM ")[2]
    assert text.count("pip install") == text.count("--require-hashes") + text.count("--no-index")


def test_the_image_gets_only_files_that_docker_sees(root: Path) -> None:
    seen = {line[1:] for line in (root / ".dockerignore").read_text(encoding="utf-8").split() if line.startswith("!")}
    copied = set()
    for line in (root / "deploy" / "Dockerfile").read_text(encoding="utf-8").splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            copied |= {Path(source).parts[0] for source in line.split()[1:-1]}
    assert copied == seen
