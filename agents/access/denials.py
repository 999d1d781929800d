"""What a broker means that says no, and what is to be done about it."""

from __future__ import annotations

from typing import Final

TOPIC_DENIED: Final = 29
EXIT_DENIED: Final = 78  # EX_CONFIG: another attempt would end like this one
_WHAT: Final = {TOPIC_DENIED: "a topic", 30: "a group", 31: "the cluster", 53: "a transactional id"}


def denied(what: str) -> str:
    """Say that a right is missing, and where it is written which ones a process needs."""
    return (
        f"the broker does not let us use {what}: a right (ACL) is missing for the user of CONTINUO_SASL_USER or of "
        "CONTINUO_TLS_CERTIFICATE_FILE; docs/security.md lists what each process needs"
    )


def denial(error: BaseException | None) -> str:
    """Return what to tell a person of an error, "" where the broker has not denied anything."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        code = getattr(error, "errno", None)
        if type(error).__module__.startswith("aiokafka") and code in _WHAT:
            named = ", ".join(sorted(_words(error)))
            return denied(f"{_WHAT[code]}{f' ({named})' if named else ''}")
        error = error.__cause__ or error.__context__
    return ""


def _words(error: BaseException) -> set[str]:
    """Return the names that came with the error."""
    found: set[str] = set()
    for argument in error.args:
        several = argument if isinstance(argument, set | frozenset | list | tuple) else (argument,)
        found |= {str(one) for one in several}
    return found
