"""Metrics: only what is declared exists, and it is served as declared."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agents.telemetry import METRICS, Telemetry, document


def served(telemetry: Telemetry) -> dict[tuple[str, tuple[str, ...]], float]:
    families = text_string_to_metric_families(telemetry.expose().decode())
    return {
        (sample.name, tuple(sample.labels.values())): sample.value for family in families for sample in family.samples
    }


def test_what_is_counted_is_served() -> None:
    telemetry = Telemetry()
    telemetry.counter("continuo_ingest_records_total", "accepted").inc(3)
    telemetry.gauge("continuo_transport_step", "4").set(17)
    telemetry.histogram("continuo_transport_commit_seconds").observe(0.03)
    samples = served(telemetry)
    assert samples["continuo_ingest_records_total", ("accepted",)] == 3
    assert samples["continuo_transport_step", ("4",)] == 17
    assert samples["continuo_transport_commit_seconds_bucket", ("0.05",)] == 1
    assert samples["continuo_transport_commit_seconds_bucket", ("0.02",)] == 0


def test_the_same_child_is_returned_again() -> None:
    telemetry = Telemetry()
    first = telemetry.counter("continuo_propose_answers_total", "lapse", "ok")
    assert telemetry.counter("continuo_propose_answers_total", "lapse", "ok") is first


def test_a_gauge_that_somebody_else_tells_from_now_on_is_not_told() -> None:
    telemetry = Telemetry()
    for partition in ("1", "2"):
        telemetry.gauge("continuo_transport_step", partition).set(17)
        telemetry.counter("continuo_transport_restored_records_total", partition).inc()
    telemetry.forget("partition", "1")
    telemetry.forget("partition", "3")
    samples = served(telemetry)
    assert [labels for name, labels in samples if name == "continuo_transport_step"] == [("2",)]
    assert samples["continuo_transport_restored_records_total", ("1",)] == 1
    telemetry.gauge("continuo_transport_step", "1").set(4)
    assert served(telemetry)["continuo_transport_step", ("1",)] == 4


def test_two_processes_in_one_test_do_not_share_counts() -> None:
    one, other = Telemetry(), Telemetry()
    one.counter("continuo_attribute_overflow_total").inc()
    assert served(other)["continuo_attribute_overflow_total", ()] == 0


def test_a_name_that_is_not_declared_is_refused() -> None:
    with pytest.raises(KeyError):
        Telemetry().counter("continuo_ingest_surprises_total")


@pytest.mark.parametrize("labels", [(), ("lapse",), ("lapse", "ok", "more")])
def test_another_number_of_labels_than_declared_is_refused(labels: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="label"):
        Telemetry().counter("continuo_propose_answers_total", *labels)


def test_a_metric_of_another_type_than_asked_for_is_refused() -> None:
    with pytest.raises(TypeError, match="declared as a counter, not as a gauge"):
        Telemetry().gauge("continuo_ingest_records_total", "accepted")


def test_the_document_names_every_metric_once() -> None:
    rows = [line for line in document().splitlines() if line.startswith("| `continuo_")]
    assert [row.split("`")[1] for row in rows] == [metric.name for metric in METRICS]


def test_a_process_tells_what_is_its_own_and_nothing_else() -> None:
    Telemetry("model").gauge("continuo_model_versions", "lapse").set(1)
    with pytest.raises(KeyError):
        Telemetry("model").counter("continuo_ingest_records_total", "accepted")
    with pytest.raises(KeyError):
        Telemetry().gauge("continuo_model_versions", "lapse")
    assert {metric.told_by for metric in METRICS} == {"worker", "model", "trainer", "channel", "api"}
