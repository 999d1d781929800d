"""Two questions in Kafka's own words: which versions do you speak, and which brokers are there.

Byte by byte, because they are asked before a client library would help: aiokafka reports a broker that is too old, too
new, starting, or no Kafka at all with the same error.
"""

import contextlib
import socket
import ssl
import struct

Versions = dict[int, tuple[int, int]]  # api key → lowest and highest version

METADATA, API_VERSIONS = 3, 18
_ANSWER_BYTES_MAX = 1 << 20  # a longer answer comes from something that is not Kafka


def ask_versions(address: tuple[str, int], timeout_s: float, tls: ssl.SSLContext | None = None) -> Versions:
    """Return the versions that the broker at `address` speaks.

    Raises OSError if nobody answers in time, ValueError if what answers does not speak Kafka, over TLS or in the clear.
    """
    body = _ask(address, API_VERSIONS, 0, b"", timeout_s, tls)
    error, count = struct.unpack_from(">hi", body)
    if error:
        raise ValueError(f"the broker answered ApiVersions with error {error}")
    if len(body) < 6 + 6 * count:
        raise ValueError("the answer is shorter than it says")
    return {key: (low, high) for key, low, high in struct.iter_unpack(">hhh", body[6 : 6 + 6 * count])}


def count_brokers(address: tuple[str, int], timeout_s: float) -> int:
    """Return how many brokers take work now: none while the only one is still starting. Raises as `ask_versions`."""
    no_topics = struct.pack(">i", 0)
    (count,) = struct.unpack_from(">i", _ask(address, METADATA, 1, no_topics, timeout_s))
    return int(count)


def _ask(
    address: tuple[str, int], api_key: int, version: int, payload: bytes, timeout_s: float,
    tls: ssl.SSLContext | None = None,
) -> bytes:  # fmt: skip
    client = b"continuo"
    request = struct.pack(">hhih", api_key, version, 1, len(client)) + client + payload
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(socket.create_connection(address, timeout_s))
        connection.settimeout(timeout_s)
        if tls is not None:
            connection = stack.enter_context(tls.wrap_socket(connection, server_hostname=address[0]))
        connection.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", _read(connection, 4))
        if not 8 <= size <= _ANSWER_BYTES_MAX:
            raise ValueError(f"an answer of {size} bytes is not Kafka's")
        answer = _read(connection, size)
    if answer[:4] != struct.pack(">i", 1):
        raise ValueError("the answer is not to our question")
    return answer[4:]


def _read(connection: socket.socket, size: int) -> bytes:
    chunks = bytearray()
    while len(chunks) < size:
        chunk = connection.recv(size - len(chunks))
        if not chunk:
            raise ValueError("the connection was closed without an answer")
        chunks += chunk
    return bytes(chunks)
