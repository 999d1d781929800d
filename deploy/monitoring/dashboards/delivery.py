"""Dashboard: delivery."""

from __future__ import annotations

from typing import Final

from deploy.monitoring.panels import Dashboard, graph, quantile, rate

REPORT: Final = "continuo_channel_report_seconds"
DONE: Final = "continuo_channel_activations_total"

DELIVERY: Final = Dashboard(
    "delivery", "Continuo: delivery", "Does what was decided reach people, and how soon?",
    (
        graph("activations", "Published by the stream, and taken by delivery channels.", "ops",
              (rate("continuo_activate_activations_total", "delivery_channel"), "{{delivery_channel}}: published"),
              (rate(f'{DONE}{{outcome!="repeated"}}', "delivery_channel"), "{{delivery_channel}}: taken")),
        graph("what became of them", "Rejected had expired; repeated was done already.", "ops",
              (rate(DONE, "delivery_channel, outcome"), "{{delivery_channel}}: {{outcome}}")),
        graph("report time", "From an activation's publication to its committed report.", "s",
              (quantile(0.5, REPORT, "delivery_channel"), "{{delivery_channel}}: half"),
              ("continuo:report_seconds:p99", "{{delivery_channel}}: 99 of 100")),
        graph("share rejected", "Activations that had expired when they were read.", "percentunit",
              ("continuo:activations_rejected:share", "{{delivery_channel}}")),
        graph("lag", "Activations, of all delivery channels, that this one has not read yet.", "short",
              ("max by (delivery_channel) (continuo_channel_lag_records)", "{{delivery_channel}}")),
        graph("left alone", "1 while most calls to whoever delivers fail: now and then one tries whether that is over.",
              "short", ("max by (delivery_channel) (continuo_channel_breaker_open)", "{{delivery_channel}}")),
        graph("channel processes up", "1 where the process answers Prometheus.", "short",
              ('up{job="continuo", process="channel"}', "{{instance}}")),
        graph("reports", "Reports that came back to the stream as events.", "ops",
              (rate('continuo_ingest_events_total{source=~"channel:.*"}', "source"), "{{source}}")),
    ),
)  # fmt: skip
