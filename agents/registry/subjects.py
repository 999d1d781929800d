"""Subjects are named by the topic whose values they describe, as Confluent's clients do at their defaults."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from streams.topology import TOPICS, topic_name

_VALUE: Final = "-value"


def subjects(namespace: str, models: Iterable[str] = ()) -> dict[str, str]:
    """Return the schema's name by subject; topics that exist for each model are there for those named."""
    named = list(models)
    return {
        topic_name(namespace, topic.noun, model) + _VALUE: topic.schema
        for topic in TOPICS
        if topic.schema
        for model in (named if topic.per_model else [""])
    }


def schema_of(namespace: str, subject: str) -> str | None:
    """Return the name of a subject's schema, whatever model it names; None where it is no subject of ours."""
    words = subject.removeprefix(f"{namespace}.").split(".")
    return subjects(namespace, words[1:2]).get(subject)
