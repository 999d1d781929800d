"""What a worker's web port tells: every metric as it is declared, every number as the topics have it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from agents.codecs.avro import ENCODERS
from agents.telemetry import METRICS, WORKER
from agents.transport.positions import POSITION_KEY
from agents.workers.shelf import Shelf
from streams.attribute import OPEN_MAX
from streams.ingest import SEEN_MAX
from streams.records import RawEvent, Value
from tests.builders import DAY_MS, HOUR_MS, NOW, small_policy
from tests.models import weighted
from tests.processes import wait_until
from tests.scraping import Series, families, misdeclared, page, series
from tests.shard import SMALL, raw
from tests.streams.asking import HASTY, MODEL, PATIENT, answered, trigger
from tests.streams.contract import Stream
from tests.streams.kafka import KafkaStream
from tests.streams.tally import tally

pytestmark = pytest.mark.kafka

PARTITIONS: Final = 2
PEOPLE: Final = [f"person-{number}" for number in range(40)]
FLOOD: Final = "somebody of whom too much is heard"
BUNDLE: Final = small_policy(
    exploration={"epsilon": 0.5, "delta": 0.9, "salt": "explore:v1"}, holdout={"share": 0.2, "seed": "2017"}
)
VERSIONS: Final = {
    MODEL: weighted(MODEL, SMALL.models[MODEL].inputs, SMALL.categories),
    "lapse": weighted("lapse", SMALL.models["lapse"].inputs),
}
MISTYPED: Final = raw(properties={"basket_id": 7, "amount": 1.0})
REFUSED: Final = [raw("dreamt"), raw(profile_id=""), raw(at=NOW + 30 * DAY_MS), MISTYPED]
NO_EVENTS: Final = [None, b"\x07", b"{", *map(ENCODERS["raw_event"], REFUSED)]
HISTOGRAMS: Final = [metric.name for metric in METRICS if metric.kind == "histogram" and metric.told_by == WORKER]
GAUGES: Final = [
    metric.name
    for metric in METRICS
    if metric.kind == "gauge" and [label for label, _ in metric.labels] == ["partition"]
]
NOT_FROM_TOPICS: Final = {
    "continuo_ingest_heard_at_seconds": "the worker's own clock",
    "continuo_transport_lag_seconds": "nothing waits when a stream has settled",
    "continuo_transport_lag_records": "whose markers stand behind the last record, nobody can say",
    "continuo_transport_paused_sources": "as for the lag",
    "continuo_transport_partitions": "a setting",
    "continuo_transport_generation": "the group's own count",
    "continuo_transport_chunks_total": "how records came together is chance",
    "continuo_transport_loop_delay_seconds": "a time that nobody else took",
    "continuo_transport_pending_records": "nothing is pending when a stream has settled",
    "continuo_transport_restored_records_total": "a worker that starts with the deployment has nothing to restore",
    "continuo_transport_restore_seconds": "a time that nobody else took",
    "continuo_transport_commits_total": "a commit is for one shard or several; between bounds, below",
    "continuo_transport_commit_seconds_count": "the same",
}
"""Metrics that feeding cannot move, or not to a known value, and why."""


def feed_history(stream: Stream) -> None:
    """Feed a little of everything that can happen in a history."""
    shelf = Shelf()
    shelf.put(VERSIONS[MODEL])
    for version in VERSIONS.values():
        stream.learn(version)
    stream.beat(MODEL)
    stream.serve(MODEL, shelf)
    for number, person in enumerate(PEOPLE):
        stream.tell(visit(person, NOW), partition=0 if number % 5 == 0 else None)
    stream.settle()
    for value in NO_EVENTS:
        stream.send("raw-events", None, value, 0)
    for number, activation in enumerate(stream.said("activations")):
        kind = "rejected" if number % 4 == 0 else "delivered"
        names = ("activation_id", "decision_id", "delivery_channel")
        said: dict[str, Value] = {name: getattr(activation, name) for name in names}
        about = {"event_id": activation.activation_id, "profile_id": activation.profile_id, "properties": said}
        report = raw(f"activation_{kind}", NOW + HOUR_MS, **about)
        stream.tell([report, report])
    for person in PEOPLE:
        stream.tell(visit(person, NOW + DAY_MS))
    for kind, count in {"product_purchased": SEEN_MAX, "basket_completed": OPEN_MAX + 10}.items():
        stream.tell(raw(kind, NOW + DAY_MS, event_id=f"{kind} {n}", profile_id=FLOOD) for n in range(count))
    stream.settle()
    stream.tick(NOW + 30 * DAY_MS)
    stream.settle()


def visit(person: str, at: int) -> list[RawEvent]:
    """Return somebody's soup and the basket that it is in."""
    return [
        raw(kind, at, event_id=f"{kind} by {person} at {at}", profile_id=person, consent={"email": True})
        for kind in ("product_purchased", "basket_completed")
    ]


def feed_rounds(stream: Stream) -> None:
    """Feed a live deployment with every fate that a question to a model can have."""
    stream.tell([trigger(stream)])  # there is no version to ask yet
    stream.settle()
    stream.learn(VERSIONS[MODEL])
    stream.settle()
    stream.tell([trigger(stream)])  # there is nobody to ask yet
    stream.settle()
    stream.beat(MODEL)
    stream.settle()
    fates: list[dict[str, Any]] = [{}, {"outputs": [7.0]}, {"status": "cold", "outputs": []}, {"status": "error"}]
    for fate in fates:
        stream.tell([trigger(stream)])
        stream.settle(rounds=1)
        answer = answered(stream.asked(MODEL)[-1], **fate)
        stream.answer(MODEL, 0, answer, answer)
        stream.settle()
    stream.publish(HASTY)
    stream.settle()
    stream.tell([trigger(stream)])
    stream.settle()
    stream.answer(MODEL, 0, answered(stream.asked(MODEL)[-1]))
    stream.publish(PATIENT)
    stream.settle()
    stream.tell([trigger(stream)])
    stream.settle(rounds=1)


@pytest.fixture(scope="module")
def history(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaStream]:
    with closing(KafkaStream(broker, tmp_path_factory.mktemp("history"), BUNDLE, PARTITIONS)) as stream:
        feed_history(stream)
        yield stream


@pytest.fixture
def live(broker: str, tmp_path: Path) -> Iterator[KafkaStream]:
    with closing(KafkaStream(broker, tmp_path, PATIENT, 1, "live")) as stream:
        yield stream


def served(stream: KafkaStream) -> dict[Series, float]:
    """Return the series that the topics have something to say about."""
    return {one: value for one, value in series(stream.web_port).items() if one[0] not in NOT_FROM_TOPICS}


def test_every_metric_is_told_as_it_is_declared(history: KafkaStream) -> None:
    assert misdeclared(history.web_port, WORKER) == []


def test_after_a_history_the_numbers_are_those_of_the_topics(history: KafkaStream) -> None:
    expected = tally(history)
    assert served(history) == expected
    own = {metric.name for metric in METRICS if metric.told_by == WORKER}
    untold = {name.removesuffix("_count") for name in NOT_FROM_TOPICS}
    still = own - untold - {name.removesuffix("_count") for name, _ in expected}
    # Nothing is erased here, no registry is asked; of rounds see the next test.
    assert still == {"continuo_propose_rounds_open", "continuo_profile_erasures_total", "continuo_ingest_schema_waits"}


def test_a_commit_is_for_one_shard_or_for_all(history: KafkaStream) -> None:
    by_shard = Counter(one.partition for one in history.records("changelog") if one.key == POSITION_KEY)
    told = series(history.web_port)
    commits = told["continuo_transport_commits_total", ()]
    assert max(by_shard.values()) <= commits <= by_shard.total()
    assert commits == told["continuo_transport_commit_seconds_count", ()]


def test_live_the_numbers_are_those_of_the_topics(live: KafkaStream) -> None:
    feed_rounds(live)
    expected = tally(live)
    assert served(live) == expected
    statuses = {labels[1] for name, labels in expected if name == "continuo_propose_answers_total"}
    assert statuses == {"ok", "cold", "missing", "error", "late", "orphan"}
    assert expected["continuo_propose_rounds_open", ("0",)] == 1


@pytest.mark.parametrize("name", HISTOGRAMS)
def test_a_histogram_holds_what_was_observed(history: KafkaStream, name: str) -> None:
    samples = families(history.web_port)[name].samples
    (count,) = [one.value for one in samples if one.name.endswith("_count")]
    (total,) = [one.value for one in samples if one.name.endswith("_sum")]
    rising = [one.value for one in samples if one.name.endswith("_bucket")]
    assert count > 0
    assert (rising, rising[-1]) == (sorted(rising), count)
    assert 0 <= total < 60 * count


def test_a_worker_says_that_it_lives_and_what_it_holds(history: KafkaStream) -> None:
    assert page(history.web_port, "health") == "the event loop turns\n"
    assert page(history.web_port, "ready") == "holds partitions 0, 1\n"


def test_a_worker_that_starts_again_tells_what_it_restored_before_anything_happens(history: KafkaStream) -> None:
    before = tally(history)
    records = history.records("changelog")
    history.restart()
    wait_until("the partitions", lambda: holds(history, 0, 1))
    found = families(history.web_port)
    gauges = ("continuo_transport_step", "continuo_profile_rows")
    told = {series: value for series, value in served(history).items() if series[0] in gauges}
    assert told == {series: value for series, value in before.items() if series[0] in gauges}
    restored = found["continuo_transport_restored_records_total"].samples
    expected = {str(n): sum(seen.partition == n for seen in records) for n in range(PARTITIONS)}
    assert {one.labels["partition"]: one.value for one in restored} == expected
    assert {one.value > 0 for one in found["continuo_transport_restore_seconds"].samples} == {True}


def test_a_worker_tells_nothing_of_a_partition_that_it_gave_away(history: KafkaStream) -> None:
    with history.another():
        wait_until("the second worker's share", lambda: holds(history, 0) or holds(history, 1))
        (mine,) = (page(history.web_port, "ready") or "").split()[2:]
        found = families(history.web_port)
        for name in GAUGES:
            assert {one.labels["partition"] for one in found[name].samples} == {mine}, name


def holds(stream: KafkaStream, *partitions: int) -> bool:
    """Tell whether the worker is ready and holds these partitions."""
    return page(stream.web_port, "ready") == f"holds partitions {', '.join(map(str, partitions))}\n"
