"""Each peer in an environment of its own, made on first use below `.continuo/bench`.

The loops and Faust run on the versions that `requirements/dev.txt` locks, each with nothing else beside it; our own
compiled build has the environment of `make compiled`. The C floor
is compiled against Debian's librdkafka, the Kafka Streams peer by Debian's Maven on Debian's JDK; where one of these is
missing and we may install, we do.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
HOME: Final = ROOT / ".continuo" / "bench"
LOCK: Final = ROOT / "requirements" / "dev.txt"
UV: Final = ROOT / ".venv" / "uv" / "bin" / "uv"
STREAMS: Final = ROOT / "bench" / "kafka_streams"
FLOOR: Final = ROOT / "bench" / "peers" / "floor.c"
SET_UP_S: Final = 600.0


class Missing(SystemExit):
    """Something that a peer needs is not there and could not be had."""


@cache
def python(*packages: str) -> Path:
    """Return the Python of an environment that has these packages, at the versions of our lock, and msgspec."""
    folder = HOME / f"python-{packages[0]}"
    interpreter = folder / "bin" / "python"
    if not _is_newer(folder / "ready", LOCK):
        _tell(f"making an environment for {packages[0]}")
        _run([str(UV), "venv", "--quiet", "--clear", "--python", str(ROOT / ".venv" / "bin" / "python"), str(folder)])
        install = [str(UV), "pip", "install", "--quiet", "--python", str(interpreter), "--constraint", str(LOCK)]
        _run([*install, *packages, "msgspec"])
        (folder / "ready").touch()
    return interpreter


@cache
def compiled() -> tuple[Path, Path]:
    """Return the Python of the environment that has our compiled wheel, and the folder that the wheel is in."""
    _need("gcc", "gcc", "libc6-dev")
    _tell("compiling the core, unless it is there (two minutes)")
    _run(["bash", str(ROOT / "deploy" / "compiled.sh")])
    folder = ROOT / ".continuo" / "compiled" / "env"
    (wheel,) = folder.glob("lib/python*/site-packages")
    return folder / "bin" / "python", wheel


@cache
def floor() -> Path:
    """Return the compiled C floor."""
    program = HOME / "floor"
    if not _is_newer(program, FLOOR):
        _need("gcc", "gcc", "libc6-dev")
        if not Path("/usr/include/librdkafka/rdkafka.h").exists():
            _install("librdkafka-dev")
        _tell("compiling the C floor")
        program.parent.mkdir(parents=True, exist_ok=True)
        _run(["gcc", "-O2", "-Wall", "-Wextra", "-o", str(program), str(FLOOR), "-lrdkafka"])
    return program


@cache
def kafka_streams() -> Path:
    """Return the folder of the built Kafka Streams peer: `peer.jar`, and `lib` with what it needs."""
    output = HOME / "kafka-streams"
    sources = [STREAMS / "pom.xml", *STREAMS.rglob("*.java")]
    if not all(_is_newer(output / "peer.jar", source) for source in sources):
        _need("javac", "default-jdk-headless")
        _need("mvn", "maven")
        _tell("building the Kafka Streams peer (Maven; a minute the first time)")
        maven = ["mvn", "--quiet", "--batch-mode", "--file", str(STREAMS / "pom.xml")]
        _run([*maven, f"-Doutput={output}", "clean", "package"])
    return output


def _need(program: str, *packages: str) -> None:
    if shutil.which(program) is None:
        _install(*packages)


def _install(*packages: str) -> None:
    names = " ".join(packages)
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise Missing(f"a peer needs {names}: install it (on Debian, as root: apt-get install {names}) and run again")
    _tell(f"installing Debian's {names}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "-qq", "update"], quiet)
    _run(["apt-get", "-qq", "install", "--yes", "--no-install-recommends", *packages], quiet)


def _run(command: Sequence[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        list(command), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=SET_UP_S, check=False,
    )  # fmt: skip
    if done.returncode:
        raise Missing(f"`{' '.join(command)}` ended with code {done.returncode}:\n{done.stdout[-3_000:]}")


def _is_newer(made: Path, source: Path) -> bool:
    return made.exists() and made.stat().st_mtime > source.stat().st_mtime


def _tell(line: str) -> None:
    print(f"· {line}", flush=True)
