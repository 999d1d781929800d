"""What there is to know about the embedded broker without asking its topics."""

import time
from dataclasses import dataclass
from pathlib import Path

from agents.broker import handshake, jvm, lock

ANSWER_S = 2.0
DISK_BLOCK = 512  # bytes, the unit of st_blocks


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """Describe the broker of a home folder."""

    running: bool  # its process lives
    answers: bool  # and it takes requests
    address: str | None  # "127.0.0.1:<port>" while running
    pid: int | None
    uptime_s: int | None
    version: str  # of the Kafka that is, or would be, started
    data_bytes: int  # on disk, kept while it is down


def status(home: Path) -> BrokerStatus:
    """Look at the broker of `home`; neither waits for a start or stop under way nor disturbs it."""
    folder = home.resolve() / "broker"
    data_bytes = _disk_bytes(folder / "data")
    found = jvm.find(folder)
    if found is None:
        return BrokerStatus(
            running=False, answers=False, address=None, pid=None, uptime_s=None,
            version=lock.KAFKA_VERSION, data_bytes=data_bytes,
        )  # fmt: skip
    record, java = found
    return BrokerStatus(
        running=True,
        answers=answers(record.port),
        address=f"127.0.0.1:{record.port}",
        pid=record.pid,
        uptime_s=max(0, int(time.time() - java.create_time())),
        version=lock.KAFKA_VERSION,
        data_bytes=data_bytes,
    )


def answers(port: int) -> bool:
    """Tell whether a broker at 127.0.0.1:`port` takes requests now."""
    try:
        return handshake.count_brokers(("127.0.0.1", port), ANSWER_S) > 0
    except (OSError, ValueError):
        return False


def _disk_bytes(folder: Path) -> int:
    # Blocks, not lengths: Kafka's index files are 10 MB of mostly nothing.
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_blocks * DISK_BLOCK
        except FileNotFoundError:  # a running broker deletes segments while we look
            continue
    return total
