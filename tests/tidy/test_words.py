"""Logs and metrics say the same thing in the same word."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agents.telemetry import METRICS

LOG_CALL: Final = r"_?log\.(debug|info|warning|error|exception|critical)"


def keywords(text: str) -> Iterator[str]:
    """Yield the words that log calls of a module give beside their sentence."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and re.fullmatch(LOG_CALL, ast.unparse(node.func)):
            yield from (keyword.arg for keyword in node.keywords if keyword.arg)


def test_a_log_line_uses_words_of_the_metrics_or_of_the_handbook(root: Path) -> None:
    _, _, logs = (root / "docs" / "operations.md").read_text(encoding="utf-8").partition("## Logs")
    table = "".join(line.split("|")[1] for line in logs.splitlines() if line.startswith("| `"))
    told = set(re.findall(r"`(\w+)`", table))
    labels = {label for metric in METRICS for label, _ in metric.labels}
    said = {word for path in (root / "agents").rglob("*.py") for word in keywords(path.read_text(encoding="utf-8"))}
    assert said - labels - told == set()
    assert told <= said - labels
    assert len(said & labels) > 2
