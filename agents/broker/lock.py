"""The lock: every jar of the embedded broker by coordinate, size and sha256.

`python -m agents.broker.lock` resolves the roots afresh and prints a new lock; review the difference, then commit it.
"""

import hashlib
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

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


def resolve() -> list[Jar]:
    """Resolve the roots with all they need, download every jar into a folder of its own, and measure it."""
    import jgo  # noqa: PLC0415 - pulls in an HTTP client; a start from the cache needs none
    from jgo.maven import MavenContext  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as repository:
        context = MavenContext(repo_cache=Path(repository))
        jars = []
        for found in jgo.resolve("+".join(ROOTS)):
            content = (
                context.project(found.groupId, found.artifactId)
                .at_version(found.version)
                .artifact()
                .resolve()
                .read_bytes()
            )
            digest = hashlib.sha256(content).hexdigest()
            jars.append(Jar(found.groupId, found.artifactId, found.version, len(content), digest))
    return sorted(set(jars), key=str)


def to_text(jars: list[Jar]) -> str:
    """Return the lock file's text: sha256, size in bytes, coordinate."""
    head = "# Every jar of the embedded broker: sha256, size, coordinate. Made by: python -m agents.broker.lock\n"
    return head + "".join(f"{jar.sha256} {jar.size:>9} {jar}\n" for jar in jars)


if __name__ == "__main__":
    print(to_text(resolve()), end="")  # noqa: T201
