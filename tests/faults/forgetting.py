"""Deletes what a run has left on its broker, so that one broker serves hundreds."""

from __future__ import annotations

from contextlib import suppress

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.witness import QUIET


def forget(servers: str, namespace: str) -> None:
    """Delete the topics of a deployment, and the group of its workers."""
    admin = AdminClient({**QUIET, "bootstrap.servers": servers})
    with suppress(KafkaException, TimeoutError):  # what is left costs a broker little, and it may be the broken one
        mine = [name for name in admin.list_topics(timeout=30).topics if name.startswith(f"{namespace}.")]
        deleted = admin.delete_topics(mine).values() if mine else ()
        for done in [*deleted, *admin.delete_consumer_groups([namespace]).values()]:
            done.result(30)
