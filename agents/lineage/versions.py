"""Versions of models: which there are, what each has learned from, and which one has learned from an example."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agents.codecs.avro import decode_model_version
from agents.codecs.errors import Undecodable
from agents.committed import read_committed
from agents.settings import Settings
from streams.records import ModelVersion
from streams.topology import topic_name

SIGNS = ("heartbeat", "release")  # what stands on the topic beside versions


async def read_versions(settings: Settings) -> list[ModelVersion]:
    """Return every version on the `models` topic, each once, oldest first; what nobody of ours wrote is passed over."""
    found: dict[tuple[str, str], ModelVersion] = {}
    topic = topic_name(settings.namespace, "models")
    for record in (await read_committed(settings.bootstrap, topic)).records:
        try:
            version = decode_model_version(record.value) if record.value else None
        except Undecodable:
            continue
        if version is not None and version.kind not in SIGNS:
            found[version.model, version.version] = version
    return sorted(found.values(), key=lambda one: (one.trained_until, one.published_at))


def first_to_learn(versions: Iterable[ModelVersion], model: str, place: str, offset: int) -> ModelVersion | None:
    """Return the first version that has learned from what stands at an offset of a place, "<topic>/<partition>"."""
    mine = (version for version in versions if version.model == model)
    return next((version for version in mine if version.next_offsets.get(place, 0) > offset), None)


def neighbours(versions: Sequence[ModelVersion], one: ModelVersion) -> tuple[ModelVersion | None, ModelVersion | None]:
    """Return the versions of the same model before and after one."""
    mine = [version for version in versions if version.model == one.model]
    place = mine.index(one)
    return (mine[place - 1] if place else None), (mine[place + 1] if place + 1 < len(mine) else None)
