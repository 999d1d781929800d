"""Trains one model: examples in, versions out, each version one transaction of this model's only learner.

Starting the producer fences any other process with this model's transactional id, so two learners cannot both publish.
Positions live in the versions; those of the consumer's group only tell the lag.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents import telemetry
from agents.committed import read_committed, wait_partitions
from agents.errors import UserError
from agents.lag import behind
from agents.service import READY, started
from agents.settings import Settings
from agents.trainers.lockstep import Lockstep
from agents.trainers.syllabus import Syllabus
from agents.trainers.trainer import Trainer
from agents.transactions import PATIENCE_S
from agents.transport.clients import new_consumer, new_producer, reader
from agents.transport.errors import EXIT_REFUSED
from streams.topology import topic_name

_EXAMPLES_MAX: Final = 1_000  # taken at once: about 50 ms of decoding and learning
_TELL_S: Final = 2.0

_log = structlog.get_logger(__name__)


async def train(settings: Settings, model: str, stop: asyncio.Event) -> None:
    """Learn from the examples of one model until `stop`."""
    servers, namespace = settings.bootstrap, settings.namespace
    syllabus = await Syllabus.of(servers, namespace, model)
    places = await wait_partitions(servers, topic_name(namespace, "retraining", model))
    barriers = await wait_partitions(servers, topic_name(namespace, "barriers")) if settings.lockstep else []
    async with AsyncExitStack() as stack:
        fenced = new_producer(servers, f"{namespace}-trainer-{model}", PATIENCE_S)
        producer = await stack.enter_async_context(started(fenced))
        models = await read_committed(servers, topic_name(namespace, "models"))
        trainer = Trainer(syllabus, producer, settings, model, models)
        consumer = new_consumer(
            servers,
            group_id=f"{namespace}.trainer.{model}",
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
        )
        await stack.enter_async_context(started(consumer))
        consumer.assign([*places, *barriers, *models.next_offsets])
        await _seek(consumer, trainer.course.next_offsets, places)
        for place, offset in models.next_offsets.items():
            consumer.seek(place, offset)
        lockstep = None
        if barriers:
            await consumer.seek_to_beginning(*barriers)
            anything = await stack.enter_async_context(reader(servers, committed=False))
            lockstep = Lockstep(trainer, consumer, anything, barriers)
        _log.info("training", model=model, learned=trainer.course.learned)
        READY.add(model)
        lag = telemetry.current("trainer").gauge("continuo_trainer_lag_records", model)
        taken_at = told_at = time.monotonic()
        while not stop.is_set():
            polled = await consumer.getmany(timeout_ms=500, max_records=_EXAMPLES_MAX)
            lag.set(await behind(consumer, places))
            for place, records in polled.items():
                for record in records:
                    if place in models.next_offsets:
                        trainer.follow(record)
                    elif lockstep is not None:
                        lockstep.take(record)
                    else:
                        await trainer.take(record)
                        if version := trainer.course.next_version():
                            await trainer.publish(version)
                taken_at = time.monotonic()
            if lockstep is not None:
                await lockstep.go_on()
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
            lost = starts[place] - offset
            _log.warning("examples deleted before learned", topic=place.topic, partition=place.partition, lost=lost)
        consumer.seek(place, max(offset, starts[place]))
