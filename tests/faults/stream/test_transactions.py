"""An open transaction is seen while it is open."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from confluent_kafka import Producer

from agents.transport.topics import create_topics, wanted_topics
from tests.faults.stream.transactions import StillLoading, Transaction, open_transactions
from tests.processes import wait_until

pytestmark = pytest.mark.kafka
NAMES = itertools.count()


def mine(broker: str, name: str) -> list[Transaction] | None:
    try:
        return [one for one in open_transactions(broker) if one.transactional_id == name]
    except StillLoading:
        return None


def test_a_transaction_is_listed_from_its_first_record_to_its_end(broker: str) -> None:
    name = f"listed-{next(NAMES)}"
    asyncio.run(create_topics(broker, wanted_topics(name, 1, [])))
    producer = Producer({"bootstrap.servers": broker, "transactional.id": name})
    producer.init_transactions(30)
    assert wait_until("the coordinator to know", lambda: mine(broker, name) == []) is True
    producer.begin_transaction()
    producer.produce(f"{name}.events.v1", b"said", partition=0)
    producer.flush(30)
    assert mine(broker, name) == [Transaction(name, "Ongoing")]
    producer.commit_transaction(30)
    wait_until("the transaction to end", lambda: mine(broker, name) == [])
