"""The one error of the embedded broker."""


class BrokerError(Exception):
    """Say what went wrong with the broker and what to do about it, in words for a person at a terminal."""
