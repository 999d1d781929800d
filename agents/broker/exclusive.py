"""One at a time: a lock on a file, held by a process and let go by its death."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agents.broker.errors import BrokerError

WAIT_S = 150.0  # a download that is slow and a start that reaches its own deadline, both ahead of us
POLL_S = 0.05


@contextmanager
def exclusive(path: Path, progress: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock at `path` while the block runs; whoever else wants it waits, at most `WAIT_S`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        if not _take(file.fileno()):
            progress("waiting for another `continuo up` or `continuo down` to finish")
            deadline = time.monotonic() + WAIT_S
            while not _take(file.fileno()):
                if time.monotonic() > deadline:
                    raise BrokerError(
                        f"Another process has held {path} for {WAIT_S:.0f} s. "
                        f"See which with `fuser {path}`, end it, then try again."
                    )
                time.sleep(POLL_S)
        yield


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
