"""Compares our schemas with those in a registry, and registers what it does not have yet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import schemas
from agents.registry.answers import COMPATIBILITY
from agents.registry.client import RegistryClient
from schemas.compatibility import breaking


class Entry(NamedTuple):
    """One version of a schema under one subject."""

    subject: str
    name: str
    version: int


class Found(NamedTuple):
    """An entry and what became of it."""

    entry: Entry
    number: int | None  # the registry's id; None where it has none yet
    is_new: bool


def entries(named: dict[str, str]) -> Iterator[Entry]:
    """Yield every version of the schemas of these subjects, oldest first."""
    for subject, name in named.items():
        for version in schemas.versions(name):
            yield Entry(subject, name, version)


async def problems(client: RegistryClient, named: dict[str, str]) -> list[str]:
    """Return a sentence for every version in the registry with which one of ours cannot share a topic."""
    found = []
    for subject, name in named.items():
        theirs = await client.versions(subject)
        for version in schemas.versions(name):
            ours = schemas.load(name, version)
            for number, there in theirs.items():
                found += [
                    f"{subject}: the registry's version {number} and our {name} version {version}: {problem}"
                    for problem in _apart(ours, there)
                ]
    return found


async def register(client: RegistryClient, named: dict[str, str], *, dry_run: bool) -> AsyncIterator[Found]:
    """Register what is missing, under the rule that all versions can read each other; yield every entry's fate."""
    ruled = set()
    for entry in entries(named):
        schema = schemas.load(entry.name, entry.version)
        number = await client.look_up(entry.subject, schema)
        if number is not None or dry_run:
            yield Found(entry, number, number is None)
            continue
        if entry.subject not in ruled and await client.compatibility(entry.subject) != COMPATIBILITY:
            await client.demand(entry.subject, COMPATIBILITY)
        ruled.add(entry.subject)
        yield Found(entry, await client.register(entry.subject, schema), is_new=True)


def _apart(ours: Any, theirs: Any) -> list[str]:
    # Numbered so that the sentences of `breaking` name a side; both directions are asked.
    try:
        told = breaking({0: theirs, 1: ours})
    except (KeyError, TypeError, AttributeError):
        return ["it is no record that ours can be compared with"]
    return [one.replace("version 0", "theirs").replace("version 1", "ours") for one in told]
