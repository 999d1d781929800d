"""A rolling restart: every process runs the previous commit first, and is replaced by this one while events come."""

from __future__ import annotations

from tests.faults.storm import OTHERS, WORKERS
from tests.faults.stream.scene import Scene


async def roll(scene: Scene) -> None:
    """Replace one worker after the other, then the other processes; meanwhile both commits are at work."""
    names = [*scene.chance.sample(WORKERS, len(WORKERS)), *OTHERS]
    moments = sorted(scene.chance.uniform(0.15, 0.85) for _ in names)
    for name, share in zip(names, moments, strict=True):
        await scene.wait_share(share)
        await scene.replace(name)


def rolled(scene: Scene) -> str:
    """Return from which commit all came that were replaced in good order."""
    is_in_order = not any("did not drain" in line or "is started again" in line for line in scene.told)
    replaced = sum("was replaced" in line for line in scene.notes)
    return f"{replaced} processes of {scene.code.name} replaced" if is_in_order and replaced > len(WORKERS) else ""
