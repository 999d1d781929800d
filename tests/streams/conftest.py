"""The two logs on which the suite runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from tests.stream import Deployment
from tests.streams.contract import Deploy, Stream
from tests.streams.kafka import KafkaStream


@pytest.fixture(scope="module", params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def deploy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deploy]:
    """Yield a function that deploys a policy (bundle, then settings by name) on a log in memory, or on a real Kafka."""
    with ExitStack() as stack:

        def on_kafka(bundle: dict[str, Any], **settings: Any) -> Stream:
            broker = request.getfixturevalue("broker")
            home = tmp_path_factory.mktemp("stream")
            return stack.enter_context(closing(KafkaStream(broker, home, bundle, **settings)))

        yield Deployment if request.param == "memory" else on_kafka
