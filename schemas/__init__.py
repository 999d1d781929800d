"""What is said on the wire: one Avro file per record and major version.

A released file is never edited (`released.sha256`, `python -m schemas`); a new version stands beside the old ones,
and each version can read what any other wrote (`schemas.compatibility`).
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent
BUILT_IN: Final = 2_000_000_000  # ids above it are ours and resolve without a registry

# (name, version) -> n of its id. An id is on the wire for good: add at the end, never renumber.
NUMBERS: Final = {
    ("raw_event", 1): 1,
    ("event", 1): 2,
    ("routed_event", 1): 3,
    ("tick", 1): 4,
    ("request_batch", 1): 5,
    ("proposal_batch", 1): 6,
    ("decision", 1): 7,
    ("decision_note", 1): 8,
    ("activation", 1): 9,
    ("outcome", 1): 10,
    ("reward", 1): 11,
    ("training_example", 1): 12,
    ("dead_letter", 1): 13,
    ("model_version", 1): 14,
    ("dispatch", 1): 15,
    ("contact_state", 1): 16,
    ("switch", 1): 17,
}
NAMES: Final = tuple(dict.fromkeys(name for name, _ in NUMBERS))


def versions(name: str) -> list[int]:
    """Return the versions of a schema, ascending; raises KeyError where there is no such schema."""
    found = sorted(version for known, version in NUMBERS if known == name)
    if not found:
        raise KeyError(f"no schema `{name}`; there are: {', '.join(NAMES)}")
    return found


def path(name: str, version: int) -> Path:
    """Return where a schema's file is."""
    return FOLDER / f"{name}.v{version}.avsc"


def load(name: str, version: int | None = None) -> dict[str, Any]:
    """Return a schema as parsed JSON, the latest version unless told; the caller may change what it gets."""
    found: dict[str, Any] = json.loads(_text(name, version or versions(name)[-1]))
    return found


def schema_id(name: str, version: int | None = None) -> int:
    """Return the built-in id of a schema, the latest version unless told; raises KeyError where there is none."""
    return BUILT_IN + NUMBERS[name, version or versions(name)[-1]]


def by_id(identity: int) -> tuple[str, int] | None:
    """Return name and version of a built-in id, None where it is not one of ours."""
    return _BY_NUMBER.get(identity - BUILT_IN)


@cache
def _text(name: str, version: int) -> str:
    return path(name, version).read_text(encoding="utf-8")


_BY_NUMBER: Final = {number: known for known, number in NUMBERS.items()}
