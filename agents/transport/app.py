"""Faust's app for a stream of shards: agents per source topic as ever, another path of a record below them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from faust.app.base import BootStrategy
from faust.types import ChannelT
from faust.types.transports import TransportT
from mode import CrashingSupervisor
from mode.types import ServiceT

from agents import telemetry
from agents.settings import Settings
from agents.transport.applier import ApplierFactory
from agents.transport.assignment import Deployment
from agents.transport.chunk import ChunkSchema
from agents.transport.consumer import ChunkTransport
from agents.transport.control import Listener
from agents.transport.errors import die
from agents.transport.host import ShardHost
from agents.transport.shards import Shards
from agents.transport.tables import NoTables
from agents.transport.tuning import Tuning
from streams.topology import BY_NOUN, topic_name

QUEUE_CHUNKS_MAX: Final = 16  # per agent, between the consumer and the shards


class ConsumerBoot(BootStrategy):
    """Starts no producer of Faust's: the shards write, and it would be one more connection that nobody secures."""

    enable_kafka_producer = False


class StreamApp(ShardHost):
    """A worker of the stream.

    Declare an agent per source topic on `source(noun)`; its body is
    `async for chunk in stream.noack().events(): await app.shards.offer(chunk)`.
    """

    BootStrategy = ConsumerBoot

    def __init__(
        self,
        settings: Settings,
        factory: ApplierFactory,
        *,
        control: Iterable[str] = (),
        on_control: Listener | None = None,
        tuning: Tuning | None = None,
        client_id: str = "worker",
    ) -> None:
        """Prepare a worker.

        `factory` makes the applier of a shard; `control` are the nouns of the control topics, which have no agent
        because no group can read a topic whole; `on_control` is told of each of their records, before any shard is;
        `client_id` is this worker's name among those of the group.
        """
        self.settings = settings
        self.tuning = tuning or Tuning()
        self._factory = factory
        self._control = frozenset(control)
        self._on_control = on_control
        self._sources: set[str] = set()
        super().__init__(
            settings.namespace,
            broker=[f"kafka://{address}" for address in settings.bootstrap.split(",")],
            broker_client_id=f"{settings.namespace}-{client_id}",
            store="memory://",
            datadir=str(settings.home / "faust"),
            autodiscover=False,
            topic_partitions=settings.partitions,
            topic_allow_declare=False,  # topics are created from the topology, before any worker starts
            topic_disable_leader=True,
            table_standby_replicas=0,
            TableManager=NoTables,
            broker_session_timeout=self.tuning.session_s,
            broker_heartbeat_interval=self.tuning.heartbeat_s,
            broker_rebalance_timeout=self.tuning.rebalance_s,
            broker_request_timeout=600,  # Faust lets a restore last no longer; the clients have their own
            stream_wait_empty=False,  # the shards drain themselves
            agent_supervisor=CrashingSupervisor,
            web_enabled=self.tuning.web_enabled,
            web_port=settings.web_port,
            worker_redirect_stdouts=False,
        )

    def source(self, noun: str) -> ChannelT[Any]:
        """Return the channel of chunks of a source topic, for `@app.agent`; `noun` as in the topology."""
        topic = BY_NOUN[noun]
        if topic.control:
            raise ValueError(f"{noun} is read whole by every worker: name it in StreamApp(control=…)")
        self._sources.add(noun)
        name = topic_name(self.settings.namespace, noun)
        return self.topic(name, schema=ChunkSchema(), maxsize=QUEUE_CHUNKS_MAX)

    def on_init_dependencies(self) -> Iterable[ServiceT]:
        """Start the shards before consumer and agents, and stop them after those."""
        deployment = Deployment(
            self.settings,
            self.tuning,
            frozenset(self._sources | self._control),
            self._factory,
            telemetry.current(),
            self._wake,
        )
        self.shards = Shards(deployment, self._on_control, loop=self.loop, beacon=self.beacon)
        return [self.shards, *super().on_init_dependencies()]

    async def on_stop(self) -> None:
        """Drain before the group is left: the next owner then finds nothing to fence."""
        if self._consumer is not None:
            self._consumer.stop_flow()
        await self.shards.drain()
        await super().on_stop()

    def _wake(self) -> None:
        self.shards.wake()

    def _crash(self, reason: BaseException) -> None:
        die("the worker crashed", reason, bug=True)

    def _new_transport(self) -> TransportT:
        return ChunkTransport(self.conf.broker_consumer, self)
