"""The product as it was before its last change, from this checkout's own history."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.faults.record import PRODUCT, ROOT
from tests.faults.transport.grounds import Unplayable


def check_out(place: Path, root: Path = ROOT) -> Path:
    """Put it into a folder in `place` that is named for its commit, and return that.

    Raises Unplayable where the checkout does not know of one.
    """
    try:
        changed = _git(root, "status", "--porcelain", "--", *PRODUCT)
        last = _git(root, "log", "-1", "--format=%H", "--", *PRODUCT)
        before = "HEAD" if changed else f"{last.decode().strip()}^"
        commit = _git(root, "rev-parse", "--short", "--verify", before).decode().strip()
        packed = _git(root, "archive", commit, *PRODUCT)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unplayable(
            "expected the commit before the last that changed the product, found a checkout whose history does not "
            "reach so far; `git fetch --unshallow` brings the rest"
        ) from error
    folder = place / commit
    folder.mkdir(parents=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed, check=True)
    return folder


def _git(root: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=True).stdout
