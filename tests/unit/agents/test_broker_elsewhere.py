"""Another Kafka: who answers, what its answers say of its release, and what is refused."""

import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from agents import broker
from agents.broker import handshake, ports
from agents.broker.errors import BrokerError

Serve = Callable[[bytes], str]

# What each release answered to ApiVersions, of the apis that are looked at: produce, fetch, api versions, transactions.
RELEASES: dict[str, handshake.Versions] = {
    "3.7": {0: (0, 10), 1: (0, 16), 18: (0, 3), 24: (0, 4), 26: (0, 3)},
    "3.8": {0: (0, 11), 1: (0, 16), 18: (0, 3), 24: (0, 5), 26: (0, 4)},
    "3.9": {0: (0, 11), 1: (0, 17), 18: (0, 4), 24: (0, 5), 26: (0, 4)},
    "4.0": {0: (0, 12), 1: (4, 17), 18: (0, 4), 24: (0, 5), 26: (0, 5)},
    "4.1 or later": {0: (0, 13), 1: (4, 18), 18: (0, 4), 24: (0, 5), 26: (0, 5)},
}


def answer(versions: handshake.Versions, error: int = 0) -> bytes:
    rows = b"".join(struct.pack(">hhh", key, low, high) for key, (low, high) in versions.items())
    body = struct.pack(">ihi", 1, error, len(versions)) + rows
    return struct.pack(">i", len(body)) + body


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a server that says the same bytes to everybody, whatever is asked, and hangs up."""
    servers: list[tuple[socket.socket, threading.Thread]] = []

    def listen(words: bytes) -> str:
        server = socket.create_server(("127.0.0.1", 0))

        def run() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1024)
                    connection.sendall(words)

        thread = threading.Thread(target=run)
        thread.start()
        servers.append((server, thread))
        return f"127.0.0.1:{server.getsockname()[1]}"

    yield listen
    for server, thread in servers:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


@pytest.mark.parametrize("release", ["3.8", "3.9", "4.0", "4.1 or later"])
def test_a_supported_release_is_recognised_by_what_it_speaks(release: str, serve: Serve) -> None:
    address = serve(answer(RELEASES[release]))
    assert broker.look(address) == broker.Elsewhere(address, release)


def test_an_old_release_is_refused(serve: Serve) -> None:
    with pytest.raises(BrokerError, match=r"older than Kafka 3\.8"):
        broker.look(serve(answer(RELEASES["3.7"])))


def test_a_release_that_dropped_what_our_client_speaks_is_refused(serve: Serve) -> None:
    future = RELEASES["4.1 or later"] | {0: (9, 20)}
    with pytest.raises(BrokerError, match=r"too new: of api 0 it speaks version 9 and up, we up to 8"):
        broker.look(serve(answer(future)))


def test_something_kafka_like_without_transactions_is_refused(serve: Serve) -> None:
    partial = {key: span for key, span in RELEASES["4.0"].items() if key != 26}
    with pytest.raises(BrokerError, match="offers no transactions"):
        broker.look(serve(answer(partial)))


@pytest.mark.parametrize(
    "words",
    [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x03\x00\x02\x02\x28", answer({}, error=35), answer({})[:6]],
    ids=["silence", "web server", "TLS alert", "error", "half an answer"],
)
def test_what_does_not_speak_kafka_is_named(words: bytes, serve: Serve) -> None:
    address = serve(words)
    with pytest.raises(BrokerError, match=f"does not answer in the clear:\n  {address}: ") as refused:
        broker.look(address)
    assert "unset it to use the embedded broker" in str(refused.value)


def test_one_address_that_answers_is_enough(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"127.0.0.1:{closed.getsockname()[1]}"
    address = serve(answer(RELEASES["4.0"]))
    assert broker.look(f"{nobody},{address}").address == address
    with pytest.raises(BrokerError, match=nobody):
        broker.look(nobody)


def test_a_taken_port_is_told_with_its_holder_and_stepped_over_by_the_controller() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert not ports.is_free(port)
        assert f"(pid {os.getpid()})" in ports.holder(port)
        assert ports.controller_port(port - 1) > port
    assert ports.is_free(port)
    assert ports.holder(port) == "another process"
