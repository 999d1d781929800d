"""This machine: Python, packages that stand in each other's place, disk, open files, the clock."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import packages_distributions, requires, version
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.version import Version

from agents.build import core_build
from agents.doctor.finding import Finding

PYTHON_MIN: Final = (3, 11)
OURS: Final = ("faust", "mode", "aiokafka", "avro", "orjson", "msgspec", "prometheus_client")  # what is imported
BEST: Final = {"faust": "faust-streaming", "mode": "mode-streaming", "avro": "avro-python3"}  # which brings it for us
FREE_MIN, FREE_LOW = 1 << 30, 10 << 30  # bytes: the broker halts where there are none
FILES_MIN: Final = 4_096  # the embedded broker holds some for each partition
_UNSYNCHRONISED: Final = 0x40  # STA_UNSYNC of adjtimex(2)


def look(home: Path) -> Iterator[Finding]:
    """Look at everything that needs no Kafka."""
    yield python()
    yield from packages(packages_distributions())
    yield from versions()
    yield disk(home)
    yield files(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    yield clock()


def python() -> Finding:
    """Look at the interpreter and at the build of the core."""
    told = f"Python {platform.python_version()}, core {core_build()}"
    if sys.version_info < PYTHON_MIN:
        return Finding("wrong", told, f"use Python {'.'.join(map(str, PYTHON_MIN))} or newer")
    return Finding("ok", told)


def packages(brought_by: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """Look for modules that more than one distribution brings: the one installed last has written over the others."""
    alone = True
    for module in OURS:
        distributions = sorted(set(brought_by.get(module, ())))
        if len(distributions) < 2:
            continue
        alone = False
        keep = BEST.get(module, distributions[0])
        others = " ".join(one for one in distributions if one != keep)
        yield Finding(
            "wrong",
            f"the module {module} is brought by {' and by '.join(distributions)}: one has written over the other",
            f"pip uninstall {others}; pip install --force-reinstall --no-deps {keep}",
        )
    if alone:
        yield Finding("ok", f"no package in another's place ({', '.join(OURS)})")


def versions() -> Iterator[Finding]:
    """Look whether what we require is installed, in a version that we know."""
    wrong = []
    for line in requires("continuo") or ():
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        found = _version(requirement.name)
        if found is None:
            wrong.append(f"{requirement} is not installed")
        elif not requirement.specifier.contains(Version(found), prereleases=True):
            wrong.append(f"{requirement.name} is {found}, expected {requirement.specifier}")
    for told in wrong:
        yield Finding("wrong", told, "install the requirements of this version of Continuo again")
    if not wrong:
        yield Finding("ok", "all that is required is installed, in versions that we know")


def disk(home: Path) -> Finding:
    """Look at the folder in which state, logs and the embedded Kafka live."""
    place = next(path for path in (home.absolute(), *home.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    told = f"{free / 1e9:.1f} GB are free for {home}"
    if not os.access(place, os.W_OK):
        return Finding("wrong", f"{place} cannot be written", "set CONTINUO_HOME to a folder that can")
    if free < FREE_MIN:
        return Finding("wrong", told, "free some, or set CONTINUO_HOME to a folder on another disk")
    if free < FREE_LOW:
        return Finding("doubt", told, "enough to try; a broker that keeps a week of events needs more")
    return Finding("ok", told)


def files(limit: int) -> Finding:
    """Look at how many files a process may open."""
    if limit == resource.RLIM_INFINITY or limit >= FILES_MIN:
        return Finding("ok", "enough files may be open at once")
    return Finding("doubt", f"a process may open {limit} files, expected {FILES_MIN}", f"ulimit -n {FILES_MIN}")


def clock() -> Finding:
    """Look whether this machine's clock is kept right, where the system tells."""
    status = _clock_status()
    if status is None:
        return Finding("ok", "the system does not tell whether its clock is kept right")
    if status & _UNSYNCHRONISED:
        return Finding(
            "doubt", "nobody keeps this machine's clock right",
            "run chrony or another NTP client: an event from 5 minutes ahead is refused",
        )  # fmt: skip
    return Finding("ok", "the clock is kept right")


def _clock_status() -> int | None:
    """Return the status word of adjtimex(2); None where there is no such call."""
    try:
        told = (ctypes.c_byte * 256)()  # struct timex: modes, then longs; status is the sixth word of a 64-bit system
        if ctypes.CDLL(None).adjtimex(ctypes.byref(told)) < 0:
            return None
    except (OSError, AttributeError):
        return None
    return ctypes.c_int.from_buffer(told, 40).value


def _version(name: str) -> str | None:
    try:
        return version(name)
    except ModuleNotFoundError:
        return None
