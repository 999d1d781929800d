"""What a demo shows while it runs: one line that changes on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

ELSEWHERE_S: Final = 10.0  # between two lines where nobody watches


class Screen:
    """Shows how far the stream is; everything goes to stderr, so that stdout has the report alone."""

    def __init__(self, zone: str) -> None:
        self._zone: Final = ZoneInfo(zone)
        self._is_terminal: Final = sys.stderr.isatty()
        self._began = time.monotonic()
        self._shown_at = 0.0
        self._is_open = False  # a line that will be overwritten

    def say(self, line: str) -> None:
        """Show a line that stays."""
        self._close()
        click.echo(f"{time.monotonic() - self._began:6.1f} s  {line}", err=True)

    def progress(self, told: dict[str, Any], decided: int) -> None:
        """Show how far the feeder and the decisions are."""
        now = time.monotonic()
        if not self._is_terminal and now - self._shown_at < ELSEWHERE_S:
            return
        self._shown_at = now
        day = f"{datetime.fromtimestamp(told['at'] / 1000, self._zone):%d %b %Y}" if told["at"] else "…"
        share = f"{100 * told['fed'] / told['of']:3.0f} %" if told.get("of") else ""
        line = (
            f"{now - self._began:6.1f} s  {day}  {told['fed']:>9,} events fed {share}  {decided:>8,} decisions"
            f"  {told['in_flight']:>6,} in flight  {told['phase']}"
        )
        if self._is_terminal:
            click.echo(f"\r\x1b[K{line}", err=True, nl=False)
            self._is_open = True
        else:
            click.echo(line, err=True)

    def _close(self) -> None:
        if self._is_open:
            click.echo(err=True)
            self._is_open = False
