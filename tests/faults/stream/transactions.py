"""Which transactions are open on a broker: ListTransactions in Kafka's own words, which no client for Python has."""

from __future__ import annotations

import socket
import struct
from typing import Final, NamedTuple

LIST_TRANSACTIONS: Final = 66
LOAD_IN_PROGRESS: Final = 14
OPEN: Final = ("Ongoing", "PrepareCommit", "PrepareAbort")
PATIENCE_S: Final = 10.0


class StillLoading(Exception):
    """The broker has only begun, and does not know yet."""


class Transaction(NamedTuple):
    """One that is open."""

    transactional_id: str
    state: str


def open_transactions(server: str) -> list[Transaction]:
    """Return the transactions that a broker (`host:port`) coordinates, and that are neither committed nor aborted.

    Raises StillLoading, OSError where it does not answer, ValueError where it answers with an error.
    """
    host, _, port = server.partition(":")
    states = b"".join(_text(state) for state in OPEN)
    header = struct.pack(">hhih", LIST_TRANSACTIONS, 0, 1, -1) + b"\0"
    request = header + bytes([len(OPEN) + 1]) + states + b"\1" + b"\0"
    with socket.create_connection((host, int(port)), PATIENCE_S) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        with connection.makefile("rb") as answer:
            (size,) = struct.unpack(">i", answer.read(4))
            return _Reader(answer.read(size)).transactions()


class _Reader:
    """Takes an answer apart, from the front."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._at = 0

    def transactions(self) -> list[Transaction]:
        self._take(4 + 1 + 4)  # correlation id, no tags, throttle time
        (error,) = struct.unpack(">h", self._take(2))
        if error == LOAD_IN_PROGRESS:
            raise StillLoading
        if error:
            raise ValueError(f"expected the open transactions, the broker answered ListTransactions with error {error}")
        for _ in range(self._varint() - 1):
            self._string()  # a state that it does not know
        found = []
        for _ in range(self._varint() - 1):
            name = self._string()
            self._take(8)  # producer id
            found.append(Transaction(name, self._string()))
            self._take(1)  # no tags
        return found

    def _take(self, size: int) -> bytes:
        taken = self._answer[self._at : self._at + size]
        self._at += size
        return taken

    def _varint(self) -> int:
        number = shift = 0
        while True:
            (byte,) = self._take(1)
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7

    def _string(self) -> str:
        return self._take(self._varint() - 1).decode()


def _text(text: str) -> bytes:
    return bytes([len(text) + 1]) + text.encode()
