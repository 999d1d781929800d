"""Every metric, declared once: the table from which they are created, served and documented.

`python -m agents.telemetry` prints `docs/metrics.md`. A name is `continuo_<stage>_<noun>_<unit|total>`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

Kind = Literal["counter", "gauge", "histogram"]
Child = TypeVar("Child", Counter, Gauge, Histogram)

WORKER: Final = "worker"
OTHERS: Final = ("model", "trainer", "channel", "api")  # have metrics of their own; all other metrics are a worker's
CONTENT_TYPE: Final = "text/plain; version=0.0.4"

# A commit is 5–200 ms, a round of one model 10 ms to its deadline, a restore up to minutes.
COMMIT_S: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0)
ROUND_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0)
# A batch of requests is answered in 1–100 ms, after a wait of a second where it asks for a version that is not there.
ANSWER_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
# A delivery channel takes a batch every 0.3 s; one that was down has minutes to catch up with.
REPORT_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)

# An answer waits for Kafka's acknowledgement (2–50 ms) or for a decision (50 ms to its deadline).
REQUEST_S: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 10.0)


@dataclass(frozen=True)
class Metric:
    """One metric; `labels` maps each label to what its values are (few, known ones: never an id of a person)."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[tuple[str, str], ...] = ()
    buckets: tuple[float, ...] = ()  # histogram only, upper bounds in the name's unit

    @property
    def told_by(self) -> str:
        """Return which kind of process tells it."""
        place = self.name.split("_")[1]
        return place if place in OTHERS else WORKER


_MODEL: Final = ("model", "name in the policy")
_PARTITION: Final = ("partition", "number")
_CHANNEL: Final = ("delivery_channel", "id in the policy")
_OPERATION: Final = ("operation", "events, decide, or other")
_SOURCE: Final = ("source", "as its events say; of the 51st on: other")

METRICS: Final = (
    Metric("continuo_ingest_records_total", "counter", "Raw records taken, by what became of them",
           (("outcome", "accepted, duplicate, dead_letter, forwarded"),)),
    Metric("continuo_ingest_dead_letters_total", "counter", "Records parked on the dead-letter topic",
           (("cause", "why, without its detail: undecodable, unknown_event_type, future_time, internal_error …"),)),
    Metric("continuo_ingest_events_total", "counter", "Events accepted, by who told them", (_SOURCE,)),
    Metric("continuo_ingest_heard_at_seconds", "gauge", "When the last event was accepted, by the worker's clock",
           (_SOURCE,)),
    Metric("continuo_ingest_schema_waits", "gauge", "Partitions whose events wait for the schema registry's answer"),
    Metric("continuo_ingest_seen_overflow_total", "counter", "Ids of a person forgotten before a day was over"),
    Metric("continuo_profile_rows", "gauge", "People whose profile this worker holds", (_PARTITION,)),
    Metric("continuo_profile_erasures_total", "counter", "People who had what we know of them erased"),
    Metric("continuo_propose_triggers_total", "counter", "Rounds opened", (("decision_point", "name in the policy"),)),
    Metric("continuo_propose_rounds_open", "gauge", "Rounds that wait for answers", (_PARTITION,)),
    Metric("continuo_propose_requests_total", "counter", "Requests sent to model workers", (_MODEL,)),
    Metric("continuo_propose_answers_total", "counter", "Answers of models, inline ones included",
           (_MODEL, ("status", "ok, cold, missing (none in time), error, late, orphan"))),
    Metric("continuo_propose_round_seconds", "histogram", "Wall time from opening a round to closing it", (), ROUND_S),
    Metric("continuo_arbitrate_decisions_total", "counter", "Decisions, by how the action was chosen",
           (("source", "best, explore, holdout, deferred, none"),)),
    Metric("continuo_arbitrate_withheld_total", "counter", "Decisions for no action, by the reason",
           (("reason", "the filter that left no candidate, threshold, holdout …"),)),
    Metric("continuo_arbitrate_flags_total", "counter", "Decisions that carry a flag",
           (("flag", "degraded:<model>, prior:<model> …"),)),
    Metric("continuo_activate_activations_total", "counter", "Activations published", (_CHANNEL,)),
    Metric("continuo_attribute_overflow_total", "counter", "Open decisions given up because a person had too many"),
    Metric("continuo_attribute_rewards_total", "counter", "Rewards published",
           (("status", "pending, final"),)),
    Metric("continuo_retrain_examples_total", "counter", "Training examples published", (_MODEL,)),
    Metric("continuo_transport_records_total", "counter", "Records taken from a source", (("topic", "full name"),)),
    Metric("continuo_transport_commits_total", "counter", "Transactions committed"),
    Metric("continuo_transport_commit_seconds", "histogram", "From the end of computing to the transaction's commit",
           (), COMMIT_S),
    Metric("continuo_transport_pending_records", "gauge", "Outputs and changes not yet committed", (_PARTITION,)),
    Metric("continuo_transport_step", "gauge", "Number of the last step committed", (_PARTITION,)),
    Metric("continuo_transport_partitions", "gauge", "Partitions that the deployment has"),
    Metric("continuo_transport_lag_records", "gauge", "Offsets from the last record applied to the last one there is",
           (_PARTITION,)),
    Metric("continuo_transport_lag_seconds", "gauge", "Age of the oldest record that was read and waits to be applied",
           (_PARTITION,)),
    Metric("continuo_transport_paused_sources", "gauge", "Sources that are not fetched because enough of them waits",
           (_PARTITION,)),
    Metric("continuo_transport_generation", "gauge", "Generation of the group: each rebalance makes a new one"),
    Metric("continuo_transport_chunks_total", "counter", "Chunks that went through Faust's agents"),
    Metric("continuo_transport_loop_delay_seconds", "gauge", "How long whoever asked had to wait for the event loop"),
    Metric("continuo_transport_restored_records_total", "counter", "Changelog records read back", (_PARTITION,)),
    Metric("continuo_transport_restore_seconds", "gauge", "How long the last restore took", (_PARTITION,)),
    Metric("continuo_model_answers_total", "counter", "Requests answered", (_MODEL, ("status", "ok, cold, error"))),
    Metric("continuo_model_expired_total", "counter", "Requests not answered: their deadline had passed", (_MODEL,)),
    Metric("continuo_model_answer_seconds", "histogram", "From reading some request batches to having answered them",
           (_MODEL,), ANSWER_S),
    Metric("continuo_model_versions", "gauge", "Versions that can be asked for", (_MODEL,)),
    Metric("continuo_model_lag_records", "gauge", "Offsets from the last request batch read to the last one there is",
           (_MODEL,)),
    Metric("continuo_trainer_examples_total", "counter", "Examples learned", (_MODEL,)),
    Metric("continuo_trainer_skipped_total", "counter", "Examples not learned",
           (_MODEL, ("reason", "no_key (about none of the model's), other_inputs (than now), refused (dead letters)"))),
    Metric("continuo_trainer_versions_total", "counter", "Versions published", (_MODEL,)),
    Metric("continuo_trainer_trained_until_seconds", "gauge", "Stream time up to which the last version has learned",
           (_MODEL,)),
    Metric("continuo_trainer_log_loss", "gauge", "Of the last version: of scores given before each example was learned",
           (_MODEL,)),
    Metric("continuo_trainer_lag_records", "gauge", "Offsets from the last example read to the last one there is",
           (_MODEL,)),
    Metric("continuo_channel_activations_total", "counter", "Activations read, by what became of them",
           (_CHANNEL, ("outcome", "delivered, rejected, bounced, unknown (sent, no answer), repeated (taken before)"))),
    Metric("continuo_channel_report_seconds", "histogram", "From an activation's publication to its committed report",
           (_CHANNEL,), REPORT_S),
    Metric("continuo_channel_breaker_open", "gauge", "1 while whoever delivers is left alone: most calls to it failed",
           (_CHANNEL,)),
    Metric("continuo_channel_lag_records", "gauge", "Offsets from the last activation read to the last one there is",
           (_CHANNEL,)),
    Metric("continuo_api_requests_total", "counter", "Requests answered",
           (_OPERATION, ("status", "HTTP status of the answer"))),
    Metric("continuo_api_request_seconds", "histogram", "From a request's head to its answer", (_OPERATION,),
           REQUEST_S),
    Metric("continuo_api_events_total", "counter", "Events that are in Kafka, by who sent them",
           (("caller", "name in the file of callers"),)),
    Metric("continuo_api_pending_events", "gauge", "Events sent to Kafka and not acknowledged"),
    Metric("continuo_api_choices_total", "counter", "Answers about a decision point",
           (("decision_point", "name in the policy"), ("status", "decided, default (no decision in time)"))),
    Metric("continuo_api_callers_read_at_seconds", "gauge", "When the file of callers in force was read"),
)  # fmt: skip

BY_NAME: Final = {metric.name: metric for metric in METRICS}


class Telemetry:
    """The metrics of one process of this kind, on a registry of their own.

    Hold on to what `counter`, `gauge` and `histogram` return: asking again is a dictionary look-up, holding is free.
    A name that is not declared, or another number of labels than declared, is a KeyError or a ValueError at once.
    """

    def __init__(self, process: str = WORKER) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series per series, which nobody reads
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._metrics = {metric.name: self._create(metric) for metric in METRICS if metric.told_by == process}
        self._children: dict[tuple[str, ...], Counter | Gauge | Histogram] = {}

    def counter(self, name: str, *labels: str) -> Counter:
        """Return the counter `name` for these label values, in the order declared."""
        return self._child(Counter, name, labels)

    def gauge(self, name: str, *labels: str) -> Gauge:
        """Return the gauge `name` for these label values, in the order declared."""
        return self._child(Gauge, name, labels)

    def histogram(self, name: str, *labels: str) -> Histogram:
        """Return the histogram `name` for these label values, in the order declared."""
        return self._child(Histogram, name, labels)

    def forget(self, label: str, value: str) -> None:
        """Tell no gauge any more that has this label alone, with this value: somebody else tells it from now on."""
        for name, metric in self._metrics.items():
            if BY_NAME[name].kind == "gauge" and [one for one, _ in BY_NAME[name].labels] == [label]:
                with suppress(KeyError):
                    metric.remove(value)
                self._children.pop((name, value), None)

    def expose(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def _create(self, metric: Metric) -> Counter | Gauge | Histogram:
        labels = [label for label, _ in metric.labels]
        if metric.kind == "histogram":
            return Histogram(metric.name, metric.meaning, labels, buckets=metric.buckets, registry=self.registry)
        kind = Counter if metric.kind == "counter" else Gauge
        return kind(metric.name, metric.meaning, labels, registry=self.registry)

    def _child(self, kind: type[Child], name: str, labels: tuple[str, ...]) -> Child:
        child = self._children.get((name, *labels))
        if child is None:
            parent = self._metrics[name]
            child = parent.labels(*labels) if labels or BY_NAME[name].labels else parent
            self._children[(name, *labels)] = child
        if not isinstance(child, kind):
            message = f"{name} is declared as a {BY_NAME[name].kind}, not as a {kind.__name__.lower()}"
            raise TypeError(message)
        return child


@cache
def current(process: str = WORKER) -> Telemetry:
    """Return the metrics of this process, which is of this kind: the ones that its web port serves."""
    return Telemetry(process)


def document() -> str:
    """Return `docs/metrics.md`."""
    lines = [
        "# Metrics",
        "",
        "Generated by `make docs` from `agents/telemetry.py`; served on `/metrics` of the process's web port, beside",
        "`/health` and `/ready`. A worker has one always, the others when they are told one with `--web-port`;",
        "`continuo run` and `continuo demo` give one to each process and say which.",
    ]
    for process in (WORKER, *OTHERS):
        lines += ["", f"## {process.capitalize()}", "", "| metric | type | labels | meaning |", "|---|---|---|---|"]
        for metric in (metric for metric in METRICS if metric.told_by == process):
            labels = "<br>".join(f"`{label}`: {values}" for label, values in metric.labels) or "–"
            lines.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.meaning} |")
    buckets = [metric for metric in METRICS if metric.buckets]
    lines += ["", "## Upper bounds of the histograms' buckets", ""]
    lines += [f"- `{metric.name}`: {', '.join(map(str, metric.buckets))}" for metric in buckets]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(document(), end="")  # noqa: T201 — the command's output
