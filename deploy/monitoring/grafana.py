"""Dashboards as Grafana reads them, made by its own builders."""

from __future__ import annotations

import json
from typing import Final

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import DataSourceRef, GridPos

from deploy.monitoring.panels import Dashboard, Panel, Query, Unit

DATASOURCE: Final = "prometheus"  # its uid, as provisioned
UNITS: Final[dict[Unit, str]] = {"per_hour": "short"}  # Grafana's name where it is another one
COLUMNS: Final = 2
WIDTH: Final = 24 // COLUMNS
HEIGHT: Final = 8


def written(told: Dashboard) -> str:
    """Return a dashboard's JSON."""
    made = (
        dashboard.Dashboard(told.title)
        .uid(f"continuo-{told.name}")
        .description(told.question)
        .tags(["continuo"])
        .readonly()
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
    )
    for place, panel in enumerate(told.panels):
        made = made.with_panel(_panel(panel).id(place + 1).grid_pos(_place(place)))
    return json.dumps(made.build(), cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _panel(panel: Panel) -> stat.Panel | timeseries.Panel:
    made = stat.Panel() if panel.is_number else timeseries.Panel().legend(_legend()).min(0)
    made = made.title(panel.title).description(panel.meaning).unit(UNITS.get(panel.unit, panel.unit))
    made = made.datasource(DataSourceRef(type_val="prometheus", uid=DATASOURCE))
    for letter, query in zip("ABCDEFGH", panel.queries, strict=False):
        made = made.with_target(_target(query, letter))
    return made


def _legend() -> common.VizLegendOptions:
    made = common.VizLegendOptions().show_legend(show_legend=True)
    return made.display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)


def _target(query: Query, letter: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(query.expression).legend_format(query.legend).ref_id(letter)


def _place(number: int) -> GridPos:
    row, column = divmod(number, COLUMNS)
    return GridPos(h=HEIGHT, w=WIDTH, x=column * WIDTH, y=row * HEIGHT)
