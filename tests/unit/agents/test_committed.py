"""A broker that is gone is told as such; nothing waits for it for ever."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
from aiokafka import TopicPartition

from agents import committed
from agents.transport.errors import Unreachable


@pytest.fixture(params=["silent", "closed"])
def nobody(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield an address where a connection is taken and nothing is ever answered, or where none is taken."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        if request.param == "closed":
            server.close()
        yield address


def test_the_end_of_a_topic_is_not_waited_for_where_nobody_answers(
    nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committed, "PATIENCE_S", 0.5)
    with pytest.raises(Unreachable, match=f"no Kafka answers at {nobody}"):
        asyncio.run(committed._ends(nobody, [TopicPartition("decisions", 0)]))
