"""A worker that cannot start says so by its exit code: nobody takes it for one that drained."""

import socket
from pathlib import Path

import pytest

from tests.builders import small_policy
from tests.processes import PATIENCE_S, Deployment

pytestmark = pytest.mark.kafka


def test_a_worker_whose_web_port_is_taken_fails_and_names_it(broker: str, tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken, Deployment(broker, tmp_path, small_policy()) as deployment:
        port = taken.getsockname()[1]
        worker = deployment.run("worker", "--web-port", str(port), log="worker")
        assert worker.wait(PATIENCE_S) == 70
        assert f"web port {port}" in deployment.log("worker").read_text()
