"""Ports on 127.0.0.1: whether one is free, and who has it if not."""

import contextlib
import socket
from collections.abc import Iterator

import psutil

from agents.broker.errors import BrokerError

NEIGHBOURS = 50  # how far above the broker's port a place for the controller is looked for


def is_free(port: int) -> bool:
    """Tell whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java does: a port in TIME_WAIT is free
        try:
            candidate.bind(("127.0.0.1", port))
        except PermissionError as error:
            raise BrokerError(
                f"Port {port} may only be opened by root. Choose one above 1023 with CONTINUO_BROKER_PORT."
            ) from error
        except OSError:
            return False
    return True


def free_from(first: int) -> Iterator[int]:
    """Yield the ports from `first` on that nobody listens on, each looked at when it is asked for."""
    return filter(is_free, range(first, 65536))


def holder(port: int) -> str:
    """Name who listens on `port`: "name (pid 42)", or "another process" where the system does not tell us."""
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            here = connection.laddr
            if connection.status == psutil.CONN_LISTEN and here and here.port == port and connection.pid:
                command = psutil.Process(connection.pid).cmdline()
                name = psutil.Process(connection.pid).name()
                shown = f"{name} … {command[-1]}" if len(command) > 1 else name
                return f"{shown} (pid {connection.pid})"
    return "another process"


def controller_port(port: int) -> int:
    """Return a free port for the controller, the first one above the broker's."""
    for candidate in range(port + 1, min(port + 1 + NEIGHBOURS, 65536)):
        if is_free(candidate):
            return candidate
    raise BrokerError(
        f"Every port from {port + 1} to {port + NEIGHBOURS} is taken and the broker needs a second one. "
        "Choose another region with CONTINUO_BROKER_PORT."
    )
