"""What a figure was measured on, and where it is written down."""

from __future__ import annotations

import os
import platform
import re
import resource
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Final

import psutil

RESULTS: Final = Path(__file__).with_name("RESULTS.md")
HEAD: Final = """# Results

Written by `python -m bench`; each section by its workload. CPU is that of the process with all its threads, in
microseconds an event. Ratios between rows of one run are what we claim; absolute figures belong to the machine.
"""


def cpu_s() -> float:
    """Return the CPU this process has used so far, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def busy_s() -> float:
    """Return the CPU the whole machine has used so far."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def description() -> str:
    """Return machine, versions and commit, one line each."""
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("faust-streaming", "mode-streaming", "aiokafka", "msgspec")
    )
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), Linux {platform.release()}, "
        f"Python {platform.python_version()}, {packages}; commit {commit.stdout.strip() or 'unknown'}"
    )


def write_section(title: str, body: str) -> None:
    """Replace the section of that title in bench/RESULTS.md, or append it."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else HEAD
    section = f"## {title}\n\n{body.strip()}\n"
    found = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    text = found.sub(lambda _: section + "\n", text) if found.search(text) else f"{text.rstrip()}\n\n{section}"
    RESULTS.write_text(text.rstrip() + "\n", encoding="utf-8")
