"""What each process needs to be allowed at a Kafka that has ACLs.

The table of docs/security.md is made of it, and the tests run every process with these rights alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TOPIC, GROUP, TRANSACTION = "topic", "group", "transactional-id"
READ, WRITE, DESCRIBE, CREATE = "read", "write", "describe", "create"


@dataclass(frozen=True, slots=True)
class Grant:
    """One right on what is called so, or begins so; `{}` in a name is the deployment's namespace."""

    operation: str
    kind: str
    name: str
    is_prefix: bool = False


def _topics(operation: str, nouns: str) -> tuple[Grant, ...]:
    """Return the right on each of these topics; `requests.` stands for those of all models."""
    return tuple(
        Grant(operation, TOPIC, f"{{}}.{noun}" if noun.endswith(".") else f"{{}}.{noun}.v1", noun.endswith("."))
        for noun in nouns.split()
    )


_SEES_TOPICS: Final = (Grant(DESCRIBE, TOPIC, "{}.", is_prefix=True),)  # which there are, and how many partitions

GRANTS: Final[dict[str, tuple[Grant, ...]]] = {
    "worker": (
        *_SEES_TOPICS,
        *_topics(READ, "raw-events routed-events proposals ticks policies models switches changelog"),
        *_topics(
            WRITE,
            "routed-events events requests. decisions decision-notes activations contact-states outcomes rewards "
            "retraining. barriers dead-letters changelog",
        ),
        Grant(READ, GROUP, "{}"),
        Grant(WRITE, TRANSACTION, "{}.worker.", is_prefix=True),
    ),
    "model": (
        *_topics(READ, "requests. models policies"),
        *_topics(WRITE, "proposals models"),
        Grant(READ, GROUP, "{}.model.", is_prefix=True),
    ),
    "trainer": (
        *_topics(READ, "retraining. barriers models policies"),
        *_topics(WRITE, "models"),
        Grant(READ, GROUP, "{}.trainer.", is_prefix=True),
        Grant(WRITE, TRANSACTION, "{}-trainer-", is_prefix=True),
    ),
    "channel": (
        *_topics(READ, "activations contact-states switches policies dispatches unknown-dispatches"),
        *_topics(WRITE, "raw-events dispatches unknown-dispatches"),
        Grant(READ, GROUP, "{}.channel.", is_prefix=True),
        Grant(WRITE, TRANSACTION, "{}-channel-", is_prefix=True),
    ),
    "api": (*_topics(READ, "policies decisions"), *_topics(WRITE, "raw-events")),
    "producer": _topics(WRITE, "raw-events"),
    "operator": (
        Grant(CREATE, TOPIC, "{}.", is_prefix=True),
        Grant(READ, TOPIC, "{}.", is_prefix=True),
        *_topics(WRITE, "policies switches raw-events"),
        Grant(READ, GROUP, "{}"),
    ),
}


def document() -> str:
    """Return the table of docs/security.md."""
    lines = ["| process | may | on |", "|---|---|---|"]
    for role, grants in GRANTS.items():
        by_right: dict[tuple[str, str], list[str]] = {}
        for grant in grants:
            name = grant.name.format("<namespace>") + ("*" if grant.is_prefix else "")
            by_right.setdefault((grant.operation, grant.kind), []).append(f"`{name}`")
        lines += [f"| {role} | {may} | {kind} {', '.join(names)} |" for (may, kind), names in by_right.items()]
    return "\n".join(lines)
