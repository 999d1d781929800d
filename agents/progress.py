"""How far a long command is, on stderr: one line that changes on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Final

import click

EVERY_S: Final = 2.0  # between two lines; on a terminal there is one, and it changes
TERMINAL_S: Final = 0.2


class Screen:
    """Says on stderr how far a command is."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._told_at = time.monotonic()
        self._is_open = False  # a line that will be overwritten

    def __call__(self, noun: str, partition: int, share: float) -> None:
        """Take note that so much of a topic's partition is read."""
        self.say(f"partition {partition}: {noun} {share:.0%}")

    def say(self, line: str) -> None:
        """Say how far it is, unless that was said a moment ago."""
        now = time.monotonic()
        if now - self._told_at < (TERMINAL_S if self._is_terminal else EVERY_S):
            return
        self._told_at = now
        if self._is_terminal:
            click.echo(f"\r\x1b[K{line}", err=True, nl=False)
            self._is_open = True
        else:
            click.echo(line, err=True)

    def close(self) -> None:
        """Leave nothing half said."""
        if self._is_open:
            click.echo("\r\x1b[K", err=True, nl=False)
