"""One thing that was looked at, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "doubt", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found; `remedy` is what helps where it is not ok."""

    state: State
    what: str
    remedy: str = ""

    def told(self) -> str:
        """Return it as lines for a person."""
        lines = [f"{self.state:<6}  {self.what}"]
        if self.remedy:
            lines.append(f"        → {self.remedy}")
        return "\n".join(lines)
