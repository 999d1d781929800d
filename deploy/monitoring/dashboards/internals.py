"""Dashboard: Kafka and Faust from inside."""

from __future__ import annotations

from typing import Final

from deploy.monitoring.panels import RATE, Dashboard, graph, number, quantile, rate

RECORDS: Final = "continuo_transport_records_total"
COMMITS: Final = "continuo_transport_commits_total"
CHUNKS: Final = "continuo_transport_chunks_total"
COMMIT: Final = "continuo_transport_commit_seconds"
OURS: Final = '{job="continuo"}'

INTERNALS: Final = Dashboard(
    "kafka-and-faust", "Continuo: Kafka and Faust", "Where does the time go inside?",
    (
        graph("records by topic", "Records that workers took from their sources.", "ops",
              (rate(RECORDS, "topic"), "{{topic}}")),
        graph("commits", "Transactions committed, by worker.", "ops", (f"rate({COMMITS}[{RATE}])", "{{instance}}")),
        graph("records a commit", "What is committed together.", "short",
              (f"{rate(RECORDS)} / {rate(COMMITS)}", "records")),
        graph("commit time", "From the end of computing to the transaction's commit.", "s",
              (quantile(0.5, COMMIT), "half"), (quantile(0.99, COMMIT), "99 of 100")),
        graph("not committed", "Records applied whose commit is still to come.", "short",
              ("sum by (partition) (continuo_transport_pending_records)", "{{partition}}")),
        graph("sources paused", "Sources that are not fetched because enough of them waits.", "short",
              ("sum by (partition) (continuo_transport_paused_sources)", "{{partition}}")),
        graph("chunks", "Chunks through Faust's agents.", "ops", (rate(CHUNKS), "chunks")),
        graph("records a chunk", "How many records share what Faust costs.", "short",
              (f"{rate(RECORDS)} / {rate(CHUNKS)}", "records")),
        graph("rebalances", "New generations of the workers' group.", "short",
              (f"max (changes(continuo_transport_generation[{RATE}]))", "rebalances")),
        graph("event loop", "How long whoever asked had to wait for a worker's event loop.", "s",
              ("continuo_transport_loop_delay_seconds", "{{instance}}")),
        number("restore", "How long the last restore of a partition took.", "s",
               ("max by (partition) (continuo_transport_restore_seconds)", "{{partition}}")),
        number("restored records", "Changelog records that were read back, by partition.", "short",
               ("sum by (partition) (continuo_transport_restored_records_total)", "{{partition}}")),
        graph("processor", "Processor seconds a second.", "percentunit",
              (f"rate(process_cpu_seconds_total{OURS}[{RATE}])", "{{process}} {{instance}}")),
        graph("memory", "Resident.", "bytes",
              (f"process_resident_memory_bytes{OURS}", "{{process}} {{instance}}")),
        graph("open files", "Sockets included.", "short", (f"process_open_fds{OURS}", "{{process}} {{instance}}")),
        graph("garbage collection", "Collections of the oldest generation.", "ops",
              (f'rate(python_gc_collections_total{{job="continuo", generation="2"}}[{RATE}])',
               "{{process}} {{instance}}")),
        graph("restarts", "Starts of a process within a quarter of an hour.", "short",
              (f"changes(process_start_time_seconds{OURS}[15m])", "{{process}} {{instance}}")),
    ),
)  # fmt: skip
