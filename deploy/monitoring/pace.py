"""Durations in rules: `$5m` is five minutes, `$5m_s` is 300, and a faster pace shortens both.

A test cannot wait for five minutes. It runs the rules that everybody runs, at another pace: nothing else differs.
"""

from __future__ import annotations

import re
from typing import Final

_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION: Final = re.compile(r"\$(\d+)([smhd])(_s)?\b")


def paced(text: str, pace: float = 1) -> str:
    """Return a text with its durations written out, `pace` times as short."""

    def written(found: re.Match[str]) -> str:
        number, unit, is_number = found.groups()
        if pace == 1 and not is_number:
            return f"{number}{unit}"
        seconds = int(number) * _SECONDS[unit] / pace
        return f"{seconds:g}" if is_number else f"{round(seconds * 1000)}ms"

    return _DURATION.sub(written, text)
