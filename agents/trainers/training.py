"""Trains one model: examples in, versions out, each version one transaction of this model's only learner.

Starting the producer fences any other process with this model's transactional id, so two learners cannot both publish.
Positions live in the versions; those of the consumer's group only tell the lag.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from agents.codecs.avro import decode_model_version, decode_training_example, encode_dead_letter, encode_model_version
from agents.codecs.errors import Undecodable
from agents.committed import Committed, read_committed, wait_partitions
from agents.errors import UserError
from agents.service import started
from agents.settings import Settings
from agents.trainers.contract import ExampleRefusedError
from agents.trainers.course import Course
from agents.trainers.syllabus import Syllabus
from agents.transactions import PATIENCE_S, Written, commit
from agents.transport.clients import new_producer
from agents.transport.errors import EXIT_REFUSED
from agents.workers.contract import ModelRefusedError
from agents.workers.kinds import HEARTBEAT
from streams.records import DeadLetter, ModelVersion, Origin
from streams.topology import topic_name

VERSIONS_MAX: Final = 64  # of a model on the topic: shards and model processes remember 16
REFUSED_MAX: Final = 1_000  # between two versions: more is a bad deploy, not bad records
_EXAMPLES_MAX: Final = 1_000  # taken at once: about 50 ms of decoding and learning
_TELL_S: Final = 2.0

_log = structlog.get_logger(__name__)


async def train(settings: Settings, model: str, stop: asyncio.Event) -> None:
    """Learn from the examples of one model until `stop`."""
    servers, namespace = settings.bootstrap, settings.namespace
    syllabus = await Syllabus.of(servers, namespace, model)
    places = await wait_partitions(servers, topic_name(namespace, "retraining", model))
    async with AsyncExitStack() as stack:
        fenced = new_producer(servers, f"{namespace}-trainer-{model}", PATIENCE_S)
        producer = await stack.enter_async_context(started(fenced))
        models = await read_committed(servers, topic_name(namespace, "models"))
        trainer = Trainer(syllabus, producer, namespace, model, models)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=servers,
            group_id=f"{namespace}.trainer.{model}",
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
        )
        await stack.enter_async_context(started(consumer))
        consumer.assign([*places, *models.next_offsets])
        await _seek(consumer, trainer.course.next_offsets, places)
        for place, offset in models.next_offsets.items():
            consumer.seek(place, offset)
        _log.info("training", model=model, learned=trainer.course.learned)
        taken_at = told_at = time.monotonic()
        while not stop.is_set():
            polled = await consumer.getmany(timeout_ms=500, max_records=_EXAMPLES_MAX)
            for place, records in polled.items():
                for record in records:
                    if place in models.next_offsets:
                        trainer.follow(record)
                    elif version := await trainer.take(record):
                        await trainer.publish(version)
                taken_at = time.monotonic()
            if taken_at > told_at and time.monotonic() - told_at >= _TELL_S:
                await consumer.commit()  # for those who watch the lag: nobody reads it to go on from there
                told_at = time.monotonic()
        _log.info("stopped", model=model, learned=trainer.course.learned, skipped=dict(trainer.course.skipped))


async def _seek(consumer: AIOKafkaConsumer, next_offsets: Mapping[str, int], places: list[TopicPartition]) -> None:
    """Go where the last version stood; what retention has deleted meanwhile is lost to learning, and said."""
    starts, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    for place in places:
        offset = next_offsets.get(f"{place.topic}/{place.partition}", starts[place])
        if offset > ends[place]:
            raise UserError(
                f"{place.topic}/{place.partition} ends at {ends[place]}, but the model has learned up to {offset}: "
                "the topic was created anew; use another CONTINUO_NAMESPACE to learn from the beginning",
                EXIT_REFUSED,
            )
        if offset < starts[place]:
            _log.warning("examples deleted before they were learned", place=str(place), lost=starts[place] - offset)
        consumer.seek(place, max(offset, starts[place]))


class Trainer:
    """The learner of one model between two polls: what it takes, and how a version goes out."""

    def __init__(
        self,
        syllabus: Syllabus,
        producer: AIOKafkaProducer,
        namespace: str,
        model: str,
        models: Committed,
    ) -> None:
        published = [version for version in map(_decode, models.records) if version and version.model == model]
        self._syllabus = syllabus
        self._producer = producer
        self._namespace = namespace
        self._model = model
        self._refused: list[DeadLetter] = []
        learner, pace = syllabus.learner()
        self.course = Course(learner, pace)
        self._own: deque[str] = deque()  # names of the versions that such a trainer published, oldest first
        self._restore(published)

    def _restore(self, published: list[ModelVersion]) -> None:
        own = [version for version in published if "learned" in version.metrics]
        self._own.extend(version.version for version in own)
        last = own[-1] if own else None
        for version in published:
            self.course.learner.follow(version)
            if version is last:
                try:
                    self.course.restore(version)
                except ModelRefusedError as error:
                    _log.warning("learning from the beginning", model=self._model, reason=str(error))

    def follow(self, record: ConsumerRecord[bytes, bytes]) -> None:
        """Show the learner a version that came in."""
        if (version := _decode(record)) and version.model == self._model:
            self.course.learner.follow(version)

    async def take(self, record: ConsumerRecord[bytes, bytes]) -> ModelVersion | None:
        """Learn from one record; return a version if one is due. What is no example goes out with the next one."""
        place = f"{record.topic}/{record.partition}"
        try:
            example = decode_training_example(record.value)
            if await self._syllabus.is_of_ours(example.policy_hash):
                return self.course.take(place, record.offset, example)
            self.course.skipped["made under a policy with other inputs"] += 1
        except Undecodable as error:
            self._refuse(record, error.cause, error.detail)
        except ExampleRefusedError as error:
            self._refuse(record, "invalid:training_example", str(error))
        self.course.pass_by(place, record.offset)
        return None

    async def publish(self, version: ModelVersion) -> None:
        """Write the version, what was refused since the last one, and the end of versions nobody remembers."""
        version.published_at = time.time_ns() // 1_000_000
        topic = topic_name(self._namespace, "models")
        self._own.append(version.version)
        written = [Written(topic, 0, self._key(version.version), encode_model_version(version))]
        while len(self._own) > VERSIONS_MAX:
            written.append(Written(topic, 0, self._key(self._own.popleft()), None))
        graves = topic_name(self._namespace, "dead-letters")
        written += [Written(graves, one.origin.partition, None, encode_dead_letter(one)) for one in self._refused]
        await commit(self._producer, written)
        self._refused.clear()
        told = {name: round(value, 5) for name, value in version.metrics.items() if "/" not in name}
        _log.info("version published", model=self._model, version=version.version, **told)

    def _key(self, version: str) -> bytes:
        return f"{self._model}/{version}".encode()

    def _refuse(self, record: ConsumerRecord[bytes, bytes], cause: str, detail: str) -> None:
        origin = Origin(record.topic, record.partition, record.offset, record.timestamp)
        headers = [(name, bytes(value)) for name, value in record.headers]
        now = time.time_ns() // 1_000_000
        self._refused.append(DeadLetter(cause, detail, origin, record.key, record.value, headers, now))
        if len(self._refused) >= REFUSED_MAX:
            raise UserError(
                f"{REFUSED_MAX} records of {record.topic} are no examples for {self._model}, the last one at "
                f"{record.partition}/{record.offset}: {cause}: {detail}",
                EXIT_REFUSED,
            )


def _decode(record: ConsumerRecord[Any, Any]) -> ModelVersion | None:
    if record.value is None:
        return None
    version = decode_model_version(record.value)
    return version if version.kind != HEARTBEAT else None
