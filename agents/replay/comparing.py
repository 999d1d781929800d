"""What differs between a decision as it was recorded and as it is decided again, field by field and in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final

from streams.decision import Verdict
from streams.policy import Policy
from streams.records import Decision

TOLD_MAX: Final = 96  # characters of a value that are shown


@dataclass(frozen=True, slots=True)
class Difference:
    """One field, as the record has it and as it comes out now."""

    field: str
    recorded: str
    again: str


def compare_heads(recorded: Decision, again: Decision) -> Iterator[Difference]:
    """Yield the fields of the flat head that differ, in the order of the record; the evidence is compared apart."""
    for field in fields(Decision):
        one, other = getattr(recorded, field.name), getattr(again, field.name)
        if one != other and field.name != "evidence":
            yield Difference(field.name, told(one), told(other))


def compare_evidence(policy: Policy, recorded: Verdict, again: Verdict) -> Iterator[Difference]:
    """Yield the columns of the evidence that differ, in their order; of the filters, each by its name."""
    for field in fields(Verdict):
        one, other = getattr(recorded, field.name), getattr(again, field.name)
        if field.name == "failed":
            yield from _compare_filters(policy, recorded, again)
        elif one != other:
            yield Difference(f"evidence, {field.name}", told(one), told(other))


def compare_bytes(recorded: bytes, again: bytes) -> Difference:
    """Return where two encodings of the same content part."""
    pairs = enumerate(zip(recorded, again, strict=False))
    at = next((at for at, (one, other) in pairs if one != other), min(len(recorded), len(again)))
    return Difference(
        f"byte {at} of {len(recorded)}, {len(again)} when encoded again", recorded[at : at + 8].hex(),
        again[at : at + 8].hex(),
    )  # fmt: skip


def told(value: Any) -> str:
    """Return a value as it is shown: bytes in hex, long ones cut."""
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= TOLD_MAX else f"{text[:TOLD_MAX]}…"


def _compare_filters(policy: Policy, recorded: Verdict, again: Verdict) -> Iterator[Difference]:
    board = policy.points[again.decision_point].board
    if len(recorded.failed) != len(again.failed):
        yield Difference("evidence, filters", f"{len(recorded.failed)} of them", f"{len(again.failed)} of them")
        return
    for name, one, other in zip(board.filters, recorded.failed, again.failed, strict=True):
        if one != other:
            changed = [c.treatment_id for c in board.candidates if (one ^ other) >> c.index & 1]
            refused = [c.treatment_id for c in board.candidates if (one & ~other) >> c.index & 1]
            kept = [name for name in changed if name not in refused]
            yield Difference(f"evidence, filter {name}", _refusal(refused, kept), _refusal(kept, refused))


def _refusal(refused: list[str], kept: list[str]) -> str:
    """Say what one side refuses that the other does not, and the other way round."""
    said = [f"{word} {', '.join(names)}" for word, names in (("refuses", refused), ("lets pass", kept)) if names]
    return told("; ".join(said))
