"""Dashboard: data quality and stale sources."""

from __future__ import annotations

from typing import Final

from deploy.monitoring.panels import RATE, Dashboard, graph, rate

RECORDS: Final = "continuo_ingest_records_total"


def _share(outcome: str) -> str:
    return f'sum (rate({RECORDS}{{outcome="{outcome}"}}[{RATE}])) / {rate(RECORDS)}'


DATA_QUALITY: Final = Dashboard(
    "data-quality", "Continuo: data quality", "Who sends what he should not, and who has stopped sending?",
    (
        graph("events by source", "Events accepted, by who told them.", "ops",
              (rate("continuo_ingest_events_total", "source"), "{{source}}")),
        graph("silence", "How long ago a source was heard last.", "s",
              ("continuo:source_silence:seconds", "{{source}}")),
        graph("usual rate", "Events a second of a source, the mean of a day: what its silence is judged by.", "ops",
              ("continuo:source_events:rate_day", "{{source}}")),
        graph("share refused", "Records of producers that became dead letters.", "percentunit",
              ("continuo:dead_letters:share", "refused")),
        graph("dead letters by cause", "Why; details stand in the dead letters themselves.", "ops",
              (rate("continuo_ingest_dead_letters_total", "cause"), "{{cause}}")),
        graph("share repeated", "Events that came twice within a day: a producer's retries.", "percentunit",
              (_share("duplicate"), "repeated")),
        graph("share forwarded", "Records that came to another partition than their person's: another partitioner, or "
              "a person with two ids.", "percentunit", (_share("forwarded"), "forwarded")),
        graph("bounds reached", "Ids seen and open decisions that were forgotten early because of one person's many, "
              "an hour.", "per_hour",
              (f"sum (rate(continuo_ingest_seen_overflow_total[{RATE}])) * 3600", "ids seen"),
              (f"sum (rate(continuo_attribute_overflow_total[{RATE}])) * 3600", "open decisions")),
        graph("wait for the registry", "Partitions whose events carry a schema id that the registry has not told yet.",
              "short", ("continuo_ingest_schema_waits", "{{instance}}")),
        graph("people erased", "Who had what we know of them erased, an hour.", "per_hour",
              (f"sum (rate(continuo_profile_erasures_total[{RATE}])) * 3600", "people")),
    ),
)  # fmt: skip
