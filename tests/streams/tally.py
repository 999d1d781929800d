"""What the topics say of a worker's metrics: the numbers that one which has taken all there is has to tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from agents.codecs.rows import decode_round
from streams.attribute import OPEN_MAX
from streams.decision import unpack
from streams.ingest import SEEN_MAX
from streams.topology import TOPICS, topic_name
from tests.scraping import Series
from tests.shard import SMALL
from tests.streams.contract import ROUNDS, Stream

PEOPLE: Final = b"P"  # code of the table


def tally(stream: Stream) -> dict[Series, float]:
    """Return the series that are not 0, for a worker that holds every partition and never gave one away."""
    said: Counter[Series] = Counter()
    for counts in (_intake, _rounds, _decisions, _afterwards, _transport):
        for series in counts(stream):
            said[series] += 1
    return dict(said)


def _intake(stream: Stream) -> Iterator[Series]:
    name, source = "continuo_ingest_records_total", topic_name(stream.settings.namespace, "raw-events")
    events, letters = stream.said("events"), stream.said("dead-letters")
    yield from [("continuo_ingest_dead_letters_total", (letter.cause.partition(":")[0],)) for letter in letters]
    refused = [letter for letter in letters if letter.origin.topic == source]
    taken = len(stream.records("raw-events"))
    yield from [(name, ("accepted",))] * len(events)
    yield from [("continuo_ingest_events_total", (event.source,)) for event in events]
    yield from [(name, ("dead_letter",))] * len(refused)
    yield from [(name, ("forwarded",))] * len(stream.records("routed-events"))
    yield from [(name, ("duplicate",))] * (taken - len(events) - len(refused))
    for count in Counter(event.profile_id for event in events).values():
        yield from [("continuo_ingest_seen_overflow_total", ())] * (count - SEEN_MAX)


def _rounds(stream: Stream) -> Iterator[Series]:
    name = "continuo_propose_answers_total"
    asked = {(asked.request.round_id, model) for model in SMALL.models for asked in stream.asked(model)}
    yield from [("continuo_propose_requests_total", (model,)) for _, model in asked]
    answered = Counter(batch.model for batch in stream.said("proposals") for _ in batch.items)
    for decision in stream.said("decisions"):
        for reading in unpack(decision.evidence, None).snapshot.readings:
            yield name, (reading.model, reading.status)
            if reading.status != "missing":
                answered[reading.model] -= (decision.decision_id, reading.model) in asked
    for note in stream.said("decision-notes"):
        if note.kind == "late_answer":
            yield name, (note.details["model"], "late")
            answered[note.details["model"]] -= 1
    for model, count in answered.items():
        yield from [(name, (model, "orphan"))] * count
    for (partition, key), row in stream.durable_rows().items():
        if key.startswith(ROUNDS) and not (opened := decode_round(row)).closed_at:
            yield "continuo_propose_rounds_open", (str(partition),)
            yield "continuo_propose_triggers_total", (opened.decision_point,)
            yield from [(name, (model, answer.status)) for model, answer in opened.answers.items()]


def _decisions(stream: Stream) -> Iterator[Series]:
    for decision in stream.said("decisions"):
        yield "continuo_propose_triggers_total", (decision.decision_point,)
        yield "continuo_propose_round_seconds_count", ()
        yield "continuo_arbitrate_decisions_total", (decision.source,)
        if decision.reason:
            yield "continuo_arbitrate_withheld_total", (decision.reason,)
        yield from [("continuo_arbitrate_flags_total", (flag,)) for flag in decision.flags]
    for count in Counter(decision.profile_id for decision in stream.said("decisions")).values():
        yield from [("continuo_attribute_overflow_total", ())] * (count - OPEN_MAX)


def _afterwards(stream: Stream) -> Iterator[Series]:
    for activation in stream.said("activations"):
        yield "continuo_activate_activations_total", (activation.delivery_channel,)
    for reward in stream.said("rewards"):
        yield "continuo_attribute_rewards_total", (reward.status,)
    for model in SMALL.models:
        yield from [("continuo_retrain_examples_total", (model,))] * len(stream.records("retraining", model))


def _transport(stream: Stream) -> Iterator[Series]:
    for source in (topic for topic in TOPICS if topic.source):
        topic = topic_name(stream.settings.namespace, source.noun)
        yield from [("continuo_transport_records_total", (topic,))] * len(stream.records(source.noun))
    for partition, position in enumerate(stream.positions()):
        yield from [("continuo_transport_step", (str(partition),))] * position.step
    for partition, key in stream.durable_rows():
        if key.startswith(PEOPLE):
            yield "continuo_profile_rows", (str(partition),)
