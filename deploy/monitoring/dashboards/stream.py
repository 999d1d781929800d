"""Dashboard: the stream."""

from __future__ import annotations

from typing import Final

from deploy.monitoring.panels import Dashboard, graph, number, quantile, rate

ROUND: Final = "continuo_propose_round_seconds"

STREAM: Final = Dashboard(
    "stream", "Continuo: stream", "Does the stream keep up, and is anybody missing?",
    (
        number("processes up", "Processes that answer Prometheus, by kind.", "short",
               ('sum by (process) (up{job="continuo"})', "{{process}}")),
        number("partitions held", "Partitions that a worker holds, of those that there are.", "short",
               ("count(count by (partition) (continuo_transport_step))", "held"),
               ("max(continuo_transport_partitions)", "all")),
        number("people", "Profiles that the workers hold.", "short", ("sum(continuo_profile_rows)", "people")),
        graph("records", "What became of the records of producers.", "ops",
              (rate("continuo_ingest_records_total", "outcome"), "{{outcome}}")),
        graph("lag", "Age of the oldest record that waits, by partition.", "s",
              ("max by (partition) (continuo_transport_lag_seconds)", "{{partition}}")),
        graph("lag in records", "Offsets from the last record applied to the end of the sources; a few are markers of "
              "transactions.", "short", ("sum by (partition) (continuo_transport_lag_records)", "{{partition}}")),
        graph("decisions", "Decisions a second, and the rounds that were opened for them.", "ops",
              (rate("continuo_arbitrate_decisions_total"), "decisions"),
              (rate("continuo_propose_triggers_total"), "rounds opened")),
        graph("round time", "From opening a round to its decision.", "s",
              (quantile(0.5, ROUND), "half"), (quantile(0.99, ROUND), "99 of 100")),
        graph("rounds that wait", "Rounds that wait for models; at 200 a partition takes no more events.", "short",
              ("max by (partition) (continuo_propose_rounds_open)", "{{partition}}")),
        graph("commit", "From the end of computing to the transaction's commit, 99 of 100.", "s",
              ("continuo:commit_seconds:p99", "99 of 100")),
    ),
)  # fmt: skip
