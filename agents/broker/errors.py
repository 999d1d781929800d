"""The one error of the broker."""

from agents.errors import UserError


class BrokerError(UserError):
    """Say what went wrong with the broker and what to do about it, in words for a person at a terminal."""
