"""The `broker` fixture: a real embedded broker, one for the whole test session."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents import broker as embedded
from agents.broker import ports

FIRST_PORT, LAST_PORT = 20_000, 30_000  # below the ports that the system hands to clients

_given: set[int] = set()


def free_port() -> int:
    """Return a port that nobody listens on or was given, its neighbour for the controller free too."""
    offset = os.getpid() * 16 % (LAST_PORT - FIRST_PORT)  # two test runs at once start their search apart
    for step in range(0, LAST_PORT - FIRST_PORT, 2):
        port = FIRST_PORT + (offset + step) % (LAST_PORT - FIRST_PORT)
        if port not in _given and ports.is_free(port) and ports.is_free(port + 1):
            _given.add(port)
            return port
    raise AssertionError("no free port between 20000 and 30000")


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a running broker, "127.0.0.1:<port>"; it ends with the session."""
    home: Path = tmp_path_factory.mktemp("broker")
    yield embedded.start(home, free_port())
    embedded.stop(home)
