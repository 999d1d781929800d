"""Three brokers that are controllers too: every record on all three, two of them must have it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from confluent_kafka.admin import AdminClient

from tests.brokers import free_port
from tests.faults.transport.kafka import Node
from tests.toy_deployment import wait_until
from tests.witness import QUIET

NODES = (1, 2, 3)
IN_SYNC_S = 90.0


class Cluster:
    """Three nodes on this machine."""

    name = "cluster"

    def __init__(self, home: Path) -> None:
        first = free_port()
        ports = {number: (first + 4 * number, first + 4 * number + 1) for number in NODES}
        voters = ",".join(f"{number}@127.0.0.1:{ports[number][1]}" for number in NODES)
        self.nodes = {
            number: Node(
                home / f"node-{number}",
                port,
                controller_port,
                node_id=str(number),
                controller_quorum_voters=voters,
                default_replication_factor="3",
                min_insync_replicas="2",
                offsets_topic_replication_factor="3",
                transaction_state_log_replication_factor="3",
                transaction_state_log_min_isr="2",
            )
            for number, (port, controller_port) in ports.items()
        }
        self.address = self.workers_at = ",".join(f"127.0.0.1:{port}" for port, _ in ports.values())

    async def start(self) -> None:
        """Have all three up and in sync."""
        await asyncio.to_thread(self._start)

    async def stop(self) -> None:
        """Stop all three."""
        for node in self.nodes.values():
            node.kill()

    def environment(self, home: Path) -> dict[str, str]:
        """Return nothing."""
        return {}

    def kill(self, number: int) -> int | None:
        """Kill a node with -9; return the id of the process that it was."""
        pid = self.nodes[number].pid()
        self.nodes[number].kill()
        return pid

    def revive(self, number: int) -> int | None:
        """Start a node again, wait until all copies are in sync, and return its new process id."""
        self.nodes[number].launch()
        self.nodes[number].wait_brokers(len(NODES))
        self.wait_in_sync()
        return self.nodes[number].pid()

    def controller(self) -> int:
        """Return the number of the active controller."""
        told = self.nodes[self._alive()].folder / "data/__cluster_metadata-0/quorum-state"
        return int(json.loads(told.read_text(encoding="utf-8"))["leaderId"])

    def leader(self, topic: str, partition: int) -> int:
        """Return the number of the node that leads a partition."""
        return self._admin().list_topics(topic, timeout=30).topics[topic].partitions[partition].leader

    def coordinator(self, group: str) -> int:
        """Return the number of the node that coordinates a group."""
        admin = self._admin()  # kept until it has answered: with the client gone, the answer never comes
        described = admin.describe_consumer_groups([group])[group].result(30)
        return int(described.coordinator.id)

    def wait_in_sync(self) -> None:
        """Wait until every partition has all three copies again: the next kill may be another node's."""

        def are_in_sync() -> bool:
            topics = self._admin().list_topics(timeout=30).topics.values()
            return all(len(one.isrs) == len(NODES) for topic in topics for one in topic.partitions.values())

        wait_until(are_in_sync, IN_SYNC_S, "all copies to be in sync")

    def _start(self) -> None:
        for node in self.nodes.values():
            if node.pid() is None:
                node.launch()
        for node in self.nodes.values():
            node.wait_brokers(len(NODES))

    def _alive(self) -> int:
        return next(number for number, node in self.nodes.items() if node.pid() is not None)

    def _admin(self) -> AdminClient:
        return AdminClient({**QUIET, "bootstrap.servers": self.address})
