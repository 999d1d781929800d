"""What watches the stream asks only for what is told, leaves nothing out that is told, and says what to do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard as GrafanaDashboard

from agents.telemetry import BY_NAME, METRICS
from deploy.monitoring.alerts import ALERTS, INHIBITED
from deploy.monitoring.dashboards.table import DASHBOARDS
from deploy.monitoring.pace import paced
from deploy.monitoring.panels import Dashboard, Panel
from deploy.monitoring.recorded import RECORDED
from deploy.monitoring.rules import RUNBOOK, Alert

QUERIES: Final = [query.expression for one in DASHBOARDS for panel in one.panels for query in panel.queries]
RULES: Final = [*(one.expression for one in RECORDED), *(one.expression for one in ALERTS)]
ASKED: Final = re.compile(r"\b(?:continuo[_:]|up\b|process_|python_)[a-z0-9_:]*")
NOT_OURS: Final = {
    "up", "process_cpu_seconds_total", "process_open_fds", "process_resident_memory_bytes",
    "process_start_time_seconds", "python_gc_collections_total",
}  # fmt: skip
"""What Prometheus and its client tell of every process."""


def metrics_of(expression: str) -> set[str]:
    """Return the metrics of an expression; strings in quotes are values, not names."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in ASKED.findall(re.sub(r'"[^"]*"', "", expression))}


def labels_of(expression: str) -> set[str]:
    """Return the labels by which an expression selects or groups."""
    grouped = [label for found in re.findall(r"by \(([^)]*)\)", expression) for label in re.split(r",\s*", found)]
    return {*grouped, *re.findall(r'(\w+)\s*[=!]~?\s*"', expression)}


@pytest.mark.parametrize("expression", QUERIES + RULES)
def test_an_expression_asks_for_metrics_and_labels_that_are_told(expression: str) -> None:
    recorded = {one.name for one in RECORDED}
    asked = metrics_of(expression)
    assert asked
    assert asked - BY_NAME.keys() - recorded - NOT_OURS == set()
    declared = {label for name in asked & BY_NAME.keys() for label, _ in BY_NAME[name].labels}
    assert labels_of(expression) - declared - {"le", "job", "process", "generation"} == set()


@pytest.mark.parametrize("expression", QUERIES + RULES)
def test_nothing_is_made_up_where_nothing_is_told(expression: str) -> None:
    assert "vector(" not in expression


def test_every_metric_has_its_panel() -> None:
    recorded = {one.name: metrics_of(one.expression) for one in RECORDED}
    shown = {name for query in QUERIES for name in metrics_of(query)}
    shown |= {name for one in shown & recorded.keys() for name in recorded[one]}
    assert {metric.name for metric in METRICS} - shown == set()


def test_what_is_recorded_is_used() -> None:
    used = {name for expression in [*QUERIES, *(one.expression for one in ALERTS)] for name in metrics_of(expression)}
    assert {one.name for one in RECORDED} - used == set()


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_has_an_entry_to_which_its_rule_points(alert: Alert, root: Path) -> None:
    told = yaml.safe_load((root / "deploy/prometheus/rules.yml").read_text(encoding="utf-8"))
    (rule,) = [one for group in told["groups"] for one in group["rules"] if one.get("alert") == alert.name]
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^#+ (.*)$", (root / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert page == RUNBOOK
    assert [heading for heading in headings if heading.lower().replace(" ", "-") == anchor] == [alert.name]
    _, _, entry = (root / page).read_text(encoding="utf-8").partition(f"#### {alert.name}\n")
    assert "- Cause: " in entry.partition("####")[0]
    assert "- Remedy: " in entry.partition("####")[0]


def test_an_alert_names_panels_and_alerts_that_there_are() -> None:
    panels = {panel.title for one in DASHBOARDS for panel in one.panels}
    boards = {one.title.removeprefix("Continuo: ").lower() for one in DASHBOARDS}
    for alert in ALERTS:
        for name in re.findall(r"\*([^*]+)\*", alert.cause + alert.remedy):
            assert name.lower() in {*panels, *boards, *(one.name.lower() for one in ALERTS)}, (alert.name, name)
    alerts = {one.name for one in ALERTS}
    assert {*INHIBITED, *(one for effects in INHIBITED.values() for one in effects)} <= alerts


@pytest.mark.parametrize("told", DASHBOARDS, ids=lambda one: one.name)
def test_a_dashboard_is_one_that_grafana_knows(told: Dashboard, root: Path) -> None:
    text = (root / "deploy/grafana/dashboards" / f"{told.name}.json").read_text(encoding="utf-8")
    read = GrafanaDashboard.from_json(json.loads(text))
    assert json.loads(json.dumps(read, cls=JSONEncoder)) == json.loads(text)
    assert [panel.title for panel in read.panels or []] == [panel.title for panel in told.panels]
    assert len({panel.title for panel in told.panels}) == len(told.panels)


@pytest.mark.parametrize("panel", [panel for one in DASHBOARDS for panel in one.panels], ids=lambda panel: panel.title)
def test_a_legend_names_labels_that_its_series_have(panel: Panel) -> None:
    recorded = {one.name: one.expression for one in RECORDED}
    for query in panel.queries:
        kept = labels_of(recorded.get(query.expression, query.expression))
        if "by (" not in query.expression and query.expression not in recorded:
            kept |= {"instance", "process"}  # nothing is summed up: the target's own labels are there
        assert set(re.findall(r"{{(\w+)}}", query.legend)) <= kept, query


def test_a_duration_is_written_out_at_any_pace() -> None:
    text = "rate(x[$5m]) > $2m_s and y[$1d] offset $90s unless $__rate_interval"
    assert paced(text) == "rate(x[5m]) > 120 and y[1d] offset 90s unless $__rate_interval"
    assert paced(text, 60) == "rate(x[5000ms]) > 2 and y[1440000ms] offset 1500ms unless $__rate_interval"
