"""The files of the description: those in the repository, and a folder of them for another place and pace."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deploy.monitoring import grafana
from deploy.monitoring.alerts import ALERTS
from deploy.monitoring.dashboards.table import DASHBOARDS
from deploy.monitoring.recorded import RECORDED
from deploy.monitoring.rules import rules_file
from deploy.monitoring.scraping import Surroundings, alertmanager_file, prometheus_file

COMPOSE: Final = Surroundings()


def configuration(where: Surroundings = COMPOSE) -> dict[Path, str]:
    """Return what Prometheus and Alertmanager read, by path below `deploy`."""
    return {
        Path("prometheus/prometheus.yml"): prometheus_file(where),
        Path("prometheus/rules.yml"): rules_file(RECORDED, ALERTS, where.pace),
        Path("alertmanager/alertmanager.yml"): alertmanager_file(where),
    }


def dashboards() -> dict[Path, str]:
    """Return what Grafana reads, by path below `deploy`."""
    return {Path(f"grafana/dashboards/{one.name}.json"): grafana.written(one) for one in DASHBOARDS}


def write(folder: Path, where: Surroundings) -> None:
    """Write the configuration for another place into a folder."""
    for path, text in configuration(where).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
