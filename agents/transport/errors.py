"""Crash-only: what is not committed never happened, so the safe answer to an unclear one is to end and restart."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Final, NoReturn

from agents.access.denials import denial
from agents.errors import UserError

EXIT_TRANSPORT: Final = 70  # EX_SOFTWARE: the supervisor restarts
EXIT_UNAVAILABLE: Final = 69  # EX_UNAVAILABLE: no broker answers
EXIT_REFUSED: Final = 78  # EX_CONFIG: a restart would not help


class Refused(UserError):
    """Refuse to start: names topic, partition and offsets where they matter, and the remedy."""

    exit_code = EXIT_REFUSED


class Unreachable(UserError):
    """No broker answers at the address of the settings."""

    exit_code = EXIT_UNAVAILABLE


def die(
    reason: str, cause: BaseException | None = None, *, exit_code: int = EXIT_TRANSPORT, bug: bool = False
) -> NoReturn:
    """End this process at once, saying why on stderr (with a traceback, if it is a bug); nothing is closed."""
    if denied := denial(cause):  # a restart would not help, and a traceback says less
        reason, cause, exit_code, bug = f"{reason}: {denied}", None, EXIT_REFUSED, False
    told = f": {type(cause).__name__}: {cause}" if cause is not None else ""
    output = sys.__stderr__
    if output is not None:
        if bug and cause is not None:
            traceback.print_exception(cause, file=output)
        output.write(f"continuo: {reason}{told}\n")
        output.flush()
    os._exit(exit_code)
