"""The lock: every jar of the embedded broker by coordinate, size and sha256. `agents.broker.relock` makes it."""

from dataclasses import dataclass
from importlib.resources import files

KAFKA_VERSION = "4.1.1"
# slf4j-simple, not a log4j binding: beside that one the resolver picks kafka-clients 3.8.0, and the broker dies.
ROOTS = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")


@dataclass(frozen=True, slots=True)
class Jar:
    """Name one jar and what its bytes must be."""

    group: str
    artifact: str
    version: str
    size: int  # bytes
    sha256: str  # hex

    @property
    def file(self) -> str:
        """Return its file name, unique within the lock."""
        return f"{self.artifact}-{self.version}.jar"

    def __str__(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"


def read() -> list[Jar]:
    """Return the committed lock, in the order of the class path."""
    text = files("agents.broker").joinpath("kafka.lock").read_text(encoding="utf-8")
    jars = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            sha256, size, coordinate = line.split()
            group, artifact, version = coordinate.split(":")
            jars.append(Jar(group, artifact, version, int(size), sha256))
    return jars
