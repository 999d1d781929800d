"""The composition root of a worker: settings in, a Faust app out, one agent per source topic.

Follow one record: its topic's module here decodes it (`agents/raw_events.py`), `streams/step.py` applies it, a stage
decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from aiokafka import ConsumerRecord

from agents import proposals, raw_events, routed_events, switches, telemetry, ticks
from agents.applier import ROUNDS_OPEN_MAX, Decode, ShardApplier
from agents.codecs.rows import ROW_CODEC
from agents.counts import Counts
from agents.models import ModelShelf
from agents.policies import PolicyBook
from agents.registry.foreign import Foreign
from agents.registry.serving import serve_registry
from agents.registry.waiting import Waiting
from agents.settings import Settings
from agents.spans import spans_of
from agents.traced import TracedEncoder
from agents.transport.app import StreamApp
from agents.transport.applier import ApplierFactory
from agents.turn import Encoder
from agents.vault import PersonalVault
from agents.web import serve_pages
from agents.workers.inline import InlineModels
from streams.inputs import PolicyInput, Setting
from streams.state import State
from streams.step import Step
from streams.topology import topic_name

AGENTS: Final[dict[str, Decode]] = {
    "raw-events": raw_events.decode,
    "routed-events": routed_events.decode,
    "proposals": proposals.decode,
    "ticks": ticks.decode,
}
CONTROL: Final = ("policies", "models", "switches")  # read whole by every worker
LOCKSTEP_SEED: Final = b"lockstep"  # the same keys in every run, for runs whose bytes are compared


class Parts:
    """What all shards of a process share, and how one shard's applier is made of it."""

    def __init__(self, settings: Settings, counts: Counts) -> None:
        self.book: Final = PolicyBook()
        self.shelf: Final = ModelShelf(InlineModels())
        control = {"policies": self.book.decode, "models": self.shelf.decode, "switches": switches.decode}
        self.foreign: Final = Foreign(settings.registry) if settings.registry else None
        raw: dict[str, Decode] = {}
        if self.foreign is not None:
            raw["raw-events"] = partial(raw_events.decode, foreign=self.foreign)
        self.decoders: Final[dict[str, Decode]] = {
            topic_name(settings.namespace, noun): decode for noun, decode in {**AGENTS, **raw, **control}.items()
        }
        self._settings: Final = settings
        self._counts: Final = counts
        self._spans: Final = spans_of(settings, "worker")
        self._vault: Final = PersonalVault(LOCKSTEP_SEED if settings.lockstep else b"")

    def listen(self, topic: str, records: Sequence[ConsumerRecord[bytes, bytes]]) -> None:
        """Learn what control topics say, before any shard is told of it."""
        learners = {"policies": self._learn_policy, "models": self.shelf.learn}
        learn = {topic_name(self._settings.namespace, noun): learn for noun, learn in learners.items()}.get(topic)
        for record in records:
            # What cannot be learned from is a dead letter of every shard, which decodes it again.
            with suppress(Exception):
                if learn is not None:
                    learn(record)

    def _learn_policy(self, record: ConsumerRecord[bytes, bytes]) -> None:
        for switch in self.book.decode(record):
            if isinstance(switch, PolicyInput):
                self._counts.declare(switch.policy)

    def applier(self, partition: int, rows: dict[bytes, bytes], step: int) -> ShardApplier:
        """Return the applier of one shard."""
        settings = self._settings
        live = settings.mode == "live"
        setting = Setting(partition, settings.partitions, live, settings.lockstep)
        state = State(rows, ROW_CODEC)
        driver = Step(state, self.book.by_hash, self.shelf.inline, self._vault, setting, step)
        place = (settings.namespace, partition, settings.partitions)
        encoder = Encoder(*place) if self._spans is None else TracedEncoder(*place, self._spans)
        self._counts.report(driver)  # what was restored is told before anything happens to it
        rounds_open_max = 1 if settings.lockstep else ROUNDS_OPEN_MAX
        return ShardApplier(driver, encoder, self.decoders, self._counts.report, rounds_open_max=rounds_open_max)


def new_app(settings: Settings, client_id: str = "worker") -> StreamApp:
    """Return a worker of the stream; nothing is started yet."""
    parts = Parts(settings, Counts(telemetry.current()))
    factory: ApplierFactory = parts.applier
    app = StreamApp(settings, factory, control=CONTROL, on_control=parts.listen, client_id=client_id)
    for noun in AGENTS:
        app.agent(app.source(noun), name=noun)(_offering(app, parts.foreign if noun == "raw-events" else None))
    serve_pages(app)
    serve_registry(app, settings.namespace)
    return app


def _offering(app: StreamApp, foreign: Foreign | None) -> Callable[[Any], Any]:
    """Return an agent's body: every chunk goes to its shard, which takes it when its turn comes."""
    gauge = telemetry.current().gauge("continuo_ingest_schema_waits")

    async def offer(stream: Any) -> None:
        take = app.shards.offer if foreign is None else Waiting(foreign, app.shards.offer, gauge).take
        async for chunk in stream.noack().events():
            await take(chunk)

    return offer
