"""A released schema is never edited: its hash stands in `released.sha256`, in the format of sha256sum."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Final

import schemas
from schemas.compatibility import breaking

LIST: Final = "released.sha256"


def problems(folder: Path = schemas.FOLDER, numbers: dict[tuple[str, int], int] | None = None) -> list[str]:
    """Return a sentence for everything that must not be released; none = `release` may go on."""
    known = schemas.NUMBERS if numbers is None else numbers
    return [*_edited(folder), *_unnumbered(folder, known), *_breaking(folder, known)]


def release(folder: Path = schemas.FOLDER) -> list[str]:
    """Add the files that are not yet in the list to it and return their names; ask `problems` before."""
    hashes = _released(folder)
    new = sorted(file.name for file in folder.glob("*.avsc") if file.name not in hashes)
    hashes |= {name: _hash(folder / name) for name in new}
    (folder / LIST).write_text("".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes)), encoding="utf-8")
    return new


def _edited(folder: Path) -> list[str]:
    found = []
    for name, expected in _released(folder).items():
        file = folder / name
        if not file.exists():
            found.append(f"{name} was released and is gone: bring it back, others still write with it")
        elif _hash(file) != expected:
            found.append(f"{name} was released and is edited: undo that and write the next version beside it")
    return found


def _unnumbered(folder: Path, numbers: dict[tuple[str, int], int]) -> list[str]:
    files = {file.name for file in folder.glob("*.avsc")}
    numbered = {schemas.path(name, version).name for name, version in numbers}
    found = [f"{name} has no number in schemas.NUMBERS: add one at the end" for name in sorted(files - numbered)]
    found += [f"{name} has a number in schemas.NUMBERS and no file" for name in sorted(numbered - files)]
    if len(set(numbers.values())) < len(numbers):
        found.append("schemas.NUMBERS gives one number to two schemas")
    return found


def _breaking(folder: Path, numbers: dict[tuple[str, int], int]) -> list[str]:
    histories: dict[str, dict[int, object]] = {}
    for name, version in numbers:
        file = folder / schemas.path(name, version).name
        if file.exists():
            histories.setdefault(name, {})[version] = json.loads(file.read_text(encoding="utf-8"))
    return [f"{name}: {problem}" for name, history in histories.items() for problem in breaking(history)]


def _released(folder: Path) -> dict[str, str]:
    file = folder / LIST
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {name: digest for digest, name in (line.split() for line in lines)}


def _hash(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()
