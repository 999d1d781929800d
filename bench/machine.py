"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from functools import cache
from importlib.metadata import version
from typing import Final

from agents.broker.lock import KAFKA_VERSION

PACKAGES: Final = ("faust-streaming", "mode-streaming", "aiokafka", "confluent-kafka", "msgspec")


@cache
def description() -> str:
    """Return machine, versions and commit."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    commit = _said("git", "rev-parse", "--short", "HEAD") or "unknown"
    changed = " with changes" if _said("git", "status", "--porcelain", "--", "agents", "streams", "bench/*.py") else ""
    return (
        f"{os.cpu_count()} cores ({_processor()}), Linux {platform.release()}, Python {platform.python_version()}, "
        f"{_java()}Kafka {KAFKA_VERSION}, {packages}; commit {commit}{changed}."
    )


def _processor() -> str:
    found = re.search(r"^model name\s*: (.*)", _said("cat", "/proc/cpuinfo"), re.MULTILINE)
    return found[1] if found else platform.machine()


def _java() -> str:
    found = re.search(r"^openjdk (\S+)", _said("java", "--version"), re.MULTILINE)
    return f"Java {found[1]}, " if found else ""


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""
