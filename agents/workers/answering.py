"""Answers to one request batch: one run of the model for all its rows; one bad row is one error."""

from __future__ import annotations

import math
from collections.abc import Callable

from agents.workers.contract import RowRefusedError, ServedModel
from agents.workers.features import to_row
from agents.workers.shelf import Loaded
from streams.records import Proposal, Request


def live(items: list[Request], now: int) -> list[Request]:
    """Return the requests whose round is still open at `now` (wall clock)."""
    return [item for item in items if not item.deadline_at or item.deadline_at >= now]


def answer(items: list[Request], find: Callable[[str], Loaded | None], wall_ms: Callable[[], int]) -> list[Proposal]:
    """Return a proposal for each request, in order.

    `cold` where `find` has no such version, `error` where the row is none or the model fails on it.
    """
    proposals: dict[int, Proposal] = {}
    by_version: dict[str, list[int]] = {}
    for at, item in enumerate(items):
        by_version.setdefault(item.version, []).append(at)
    for version, places in by_version.items():
        loaded = find(version)
        started_at = wall_ms()
        outputs: list[list[float] | None]
        if loaded is None:
            status, outputs = "cold", [None] * len(places)
        else:
            status, outputs = "error", _outputs(loaded, [items[at] for at in places])
        latency_ms = max(0, wall_ms() - started_at)
        for at, output in zip(places, outputs, strict=True):
            item = items[at]
            if output is None:
                proposals[at] = Proposal(item.call_id, item.round_id, version, status, [], latency_ms=latency_ms)
            else:
                proposals[at] = Proposal(item.call_id, item.round_id, version, "ok", output, latency_ms=latency_ms)
    return [proposals[at] for at in range(len(items))]


def _outputs(loaded: Loaded, items: list[Request]) -> list[list[float] | None]:
    rows: list[list[float]] = []
    places: list[int] = []
    for at, item in enumerate(items):
        try:
            row = to_row(item.features)
        except RowRefusedError:
            continue
        if len(row) == loaded.inputs:
            rows.append(row)
            places.append(at)
    outputs: list[list[float] | None] = [None] * len(items)
    for at, output in zip(places, _run(loaded.served, rows), strict=True):
        if output is not None and all(map(math.isfinite, output)):
            outputs[at] = output
    return outputs


def _run(served: ServedModel, rows: list[list[float]]) -> list[list[float] | None]:
    """Return the outputs of all rows; where the model fails on them together, of each row that it can answer alone."""
    if not rows:
        return []
    try:
        outputs = served.answer(rows)
    except Exception:  # noqa: BLE001 — a model is somebody else's code; what it raises concerns rows, never the process
        if len(rows) == 1:
            return [None]
        return [one for row in rows for one in _run(served, [row])]
    return list(outputs) if len(outputs) == len(rows) else [None] * len(rows)
