"""The learner of one model as Kafka sees it: it takes records, and a version goes out in one transaction."""

from __future__ import annotations

import time
from collections import deque
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer, ConsumerRecord

from agents import telemetry
from agents.codecs.avro import decode_training_example, encode_dead_letter, encode_model_version
from agents.codecs.errors import Undecodable
from agents.committed import Committed
from agents.errors import UserError
from agents.settings import Settings
from agents.trainers.contract import ExampleRefusedError
from agents.trainers.course import Course
from agents.trainers.syllabus import Syllabus
from agents.transactions import Written, commit
from agents.transport.errors import EXIT_REFUSED
from agents.workers.contract import ModelRefusedError
from agents.workers.kinds import RELEASE, SIGNALS, heard
from streams.records import DeadLetter, ModelVersion, Origin
from streams.topology import topic_name

VERSIONS_MAX: Final = 64  # of a model on the topic: shards and model processes remember 16
REFUSED_MAX: Final = 1_000  # between two versions: more is a bad deploy, not bad records
SKIPPED: Final = ("no_key", "other_inputs", "refused")

_log = structlog.get_logger(__name__)


class Trainer:
    """The learner of one model between two polls: what it takes, and how a version goes out."""

    def __init__(
        self,
        syllabus: Syllabus,
        producer: AIOKafkaProducer,
        settings: Settings,
        model: str,
        models: Committed,
    ) -> None:
        there = (heard(record.value) for record in models.records)
        said = [one for one in there if one is not None and one.model == model]
        self._syllabus = syllabus
        self._producer = producer
        self._settings = settings
        self._model = model
        self._telemetry = telemetry.current("trainer")
        self.refused: list[DeadLetter] = []  # since it published last
        self.released = max((one.trained_until for one in said if one.kind == RELEASE), default=0)  # the last barrier
        learner, pace = syllabus.learner()
        self.course = Course(learner, pace)
        self._own: deque[str] = deque()  # names of the versions that such a trainer published, oldest first
        for name in ("continuo_trainer_examples_total", "continuo_trainer_versions_total"):
            self._telemetry.counter(name, model)  # of what is not told yet there is no rate
        for reason in SKIPPED:
            self._telemetry.counter("continuo_trainer_skipped_total", model, reason)
        self._restore([one for one in said if one.kind not in SIGNALS])

    def _restore(self, published: list[ModelVersion]) -> None:
        own = [version for version in published if "learned" in version.metrics]
        self._own.extend(version.version for version in own)
        last = own[-1] if own else None
        for version in published:
            self.course.learner.follow(version)
            if version is last:
                try:
                    self.course.restore(version)
                    self._tell(version)
                except ModelRefusedError as error:
                    _log.warning("learning from the beginning", model=self._model, why=str(error))

    def follow(self, record: ConsumerRecord[bytes, bytes]) -> None:
        """Show the learner a version that came in."""
        version = heard(record.value)
        if version is not None and version.model == self._model:
            self.course.learner.follow(version)

    async def take(self, record: ConsumerRecord[bytes, bytes]) -> None:
        """Learn from one record. What is no example goes out with the next version."""
        place = f"{record.topic}/{record.partition}"
        try:
            example = decode_training_example(record.value)
            if await self._syllabus.is_of_ours(example.policy_hash):
                learned = self.course.learned
                self.course.take(place, record.offset, example)
                if self.course.learned > learned:
                    self._telemetry.counter("continuo_trainer_examples_total", self._model).inc()
                else:
                    self._skip("no_key")
                return
            self.course.skipped["made under a policy with other inputs"] += 1
            self._skip("other_inputs")
        except Undecodable as error:
            self._refuse(record, error.cause, error.detail)
        except ExampleRefusedError as error:
            self._refuse(record, "invalid:training_example", str(error))
        self.course.pass_by(place, record.offset)

    async def publish(self, version: ModelVersion | None, barrier: int = 0) -> None:
        """Write a version, the end of versions nobody remembers, the release of a barrier, and what was refused."""
        written = []
        if version is not None:
            version.published_at = self._wall_ms()
            self._own.append(version.version)
            written.append(self._written(f"{self._model}/{version.version}", version))
        while len(self._own) > VERSIONS_MAX:
            written.append(self._written(f"{self._model}/{self._own.popleft()}", None))
        if barrier:  # behind the version: who has read it has read that
            release = ModelVersion(self._model, "", RELEASE, barrier, 0, b"", None, [], {})
            written.append(self._written(f"{RELEASE}/{self._model}", release))
        graves = topic_name(self._settings.namespace, "dead-letters")
        written += [Written(graves, one.origin.partition, None, encode_dead_letter(one)) for one in self.refused]
        await commit(self._producer, written)
        self.refused.clear()
        if version is not None:
            told = {name: round(value, 5) for name, value in version.metrics.items() if "/" not in name}
            _log.info("version published", model=self._model, version=version.version, **told)
            self._telemetry.counter("continuo_trainer_versions_total", self._model).inc()
            self._tell(version)

    def _tell(self, version: ModelVersion) -> None:
        """Tell how far the last version is, and how good."""
        until = self._telemetry.gauge("continuo_trainer_trained_until_seconds", self._model)
        until.set(version.trained_until / 1000)
        if "log_loss" in version.metrics:
            self._telemetry.gauge("continuo_trainer_log_loss", self._model).set(version.metrics["log_loss"])

    def _skip(self, reason: str) -> None:
        self._telemetry.counter("continuo_trainer_skipped_total", self._model, reason).inc()

    def _written(self, key: str, said: ModelVersion | None) -> Written:
        value = encode_model_version(said) if said is not None else None
        return Written(topic_name(self._settings.namespace, "models"), 0, key.encode(), value)

    def _wall_ms(self) -> int:
        # Two runs in lockstep give the same bytes: the wall clock is recorded as 0.
        return 0 if self._settings.lockstep else time.time_ns() // 1_000_000

    def _refuse(self, record: ConsumerRecord[bytes, bytes], cause: str, detail: str) -> None:
        origin = Origin(record.topic, record.partition, record.offset, record.timestamp)
        headers = [(name, b"" if value is None else bytes(value)) for name, value in record.headers]
        self._skip("refused")
        self.refused.append(DeadLetter(cause, detail, origin, record.key, record.value, headers, self._wall_ms()))
        if len(self.refused) >= REFUSED_MAX:
            raise UserError(
                f"{REFUSED_MAX} records of {record.topic} are no examples for {self._model}, the last one at "
                f"{record.partition}/{record.offset}: {cause}: {detail}",
                EXIT_REFUSED,
            )
