"""The generated parts of `docs/operations.md`: dashboards by question, alerts with cause and remedy."""

from __future__ import annotations

from deploy.monitoring.alerts import SECTIONS
from deploy.monitoring.dashboards.table import DASHBOARDS
from deploy.monitoring.pace import paced
from deploy.monitoring.rules import Alert


def dashboards() -> str:
    """Return the table of dashboards."""
    panels = {one.name: ", ".join(panel.title for panel in one.panels) for one in DASHBOARDS}
    rows = [f"| {one.question} | {one.title} | {panels[one.name]} |" for one in DASHBOARDS]
    return "\n".join(["| question | dashboard | its panels |", "|---|---|---|", *rows])


def alerts() -> str:
    """Return an entry for each alert."""
    lines: list[str] = []
    for section, alerts in SECTIONS.items():
        lines += [f"### {section}", ""]
        for alert in alerts:
            lines += _entry(alert)
    return "\n".join(lines).rstrip()


def _entry(alert: Alert) -> list[str]:
    hold = f", for {paced(alert.hold)}" if alert.hold else ""
    return [
        f"#### {alert.name}",
        "",
        f"*{alert.severity.capitalize()}{hold}:* `{paced(alert.expression)}`",
        "",
        f"- Cause: {alert.cause}",
        f"- Remedy: {alert.remedy}",
        "",
    ]
