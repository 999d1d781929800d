"""Copying the project to a place of its own, with a key that nobody else has."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from agents.api.callers import fingerprint, new_key
from agents.errors import UserError

TEMPLATE: Final = Path(__file__).parent / "project"
CALLER: Final = "website"


def lay(folder: Path) -> list[Path]:
    """Create the project in a folder that is not there yet, or empty; return its files, relative to it.

    Raises UserError where something stands there already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: expected a folder that is empty or not there yet; nothing was written")
    shutil.copytree(TEMPLATE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    key = new_key()
    (folder / "website.key").touch(mode=0o600)
    (folder / "website.key").write_text(key + "\n", encoding="utf-8")
    (folder / "callers.toml").write_text(_callers(key), encoding="utf-8")
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def _callers(key: str) -> str:
    return f"""\
# Who may call the HTTP API; `continuo api-key NAME` makes more of these. The key itself is in {CALLER}.key alone:
# give it to the website, and keep it out of version control.
[keys.{CALLER}]
sha256 = "{fingerprint(key)}"
roles = ["events", "decide"]
"""
