"""Programs of Debian that tests run: installed where we may, a reason to skip where we may not."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import pytest

INSTALL_S: Final = 240
# RUNLEVEL=1: the package's own service is not started.
QUIET: Final = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}


def program(name: str, package: str) -> str:
    """Return the path of a program, its package installed if need be; skip the test where that cannot be."""
    with (Path(tempfile.gettempdir()) / f"continuo-apt-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes, and apt in one
        if shutil.which(name) is None:
            _install(package)
    found = shutil.which(name)
    assert found is not None, f"Debian's {package} has no {name}"
    return found


def _install(package: str) -> None:
    remedy = f"install it (on Debian, as root: apt-get install {package})"
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        pytest.skip(f"needs {package}: {remedy}")
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", package]):
        done = subprocess.run(
            ["apt-get", "-qq", *arguments], env=os.environ | QUIET, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=INSTALL_S, check=False,
        )  # fmt: skip
        if done.returncode:
            pytest.skip(f"needs {package}, and `apt-get {arguments[0]}` failed ({done.stdout[-300:]}): {remedy}")
