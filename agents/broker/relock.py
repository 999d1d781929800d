"""A new lock: `python -m agents.broker.relock > agents/broker/kafka.lock`; review the difference, then commit it."""

import hashlib
import tempfile
from pathlib import Path

import jgo
from jgo.maven import MavenContext

from agents.broker.lock import ROOTS, Jar


def resolve() -> list[Jar]:
    """Resolve the roots with all they need, download every jar into a folder of its own, and measure it."""
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
    head = "# Every jar of the embedded broker: sha256, size, coordinate. Made by: python -m agents.broker.relock\n"
    return head + "".join(f"{jar.sha256} {jar.size:>9} {jar}\n" for jar in jars)


if __name__ == "__main__":
    print(to_text(resolve()), end="")  # noqa: T201
