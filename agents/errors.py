"""Errors that are told to a person, as one message and without a traceback."""

from __future__ import annotations


class UserError(Exception):
    """Stop what the user asked for and tell him what was expected, what came and what to do.

    The command line prints the message alone and ends with `exit_code`; any other exception shows its traceback.
    Subclasses set `exit_code` on the class or pass it.
    """

    exit_code: int = 1

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        super().__init__(message)
        if exit_code is not None:
            self.exit_code = exit_code
