"""One run of the whole stream: a deployment, people, a fault; then the judgement from its committed topics alone."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import Final

from tests.faults.bundle import by_night, grocery
from tests.faults.checker import flaws
from tests.faults.forgetting import forget
from tests.faults.log import Log
from tests.faults.outcome import Outcome, keep
from tests.faults.storm import ROOT
from tests.faults.stream import people, previous
from tests.faults.stream.bounds import Bounds
from tests.faults.stream.fault import StreamFault
from tests.faults.stream.scene import Scene, distinct
from tests.faults.transport.grounds import Embedded
from tests.processes import Deployment

PARTITIONS: Final = 4
SAID_BY_STAGES: Final = ("events", "requests", "decisions", "activations", "outcomes", "rewards", "retraining")


async def run_stream(
    fault: StreamFault, seed: int, ground: Embedded, kept_in: Path, *, keeps_all: bool = False
) -> Outcome:
    """Play one fault; the logs of a run that is not flawless, or of any, are moved to `kept_in`."""
    began = monotonic()
    home = Path(tempfile.mkdtemp(prefix=f"{fault.name}-"))
    scene = await asyncio.to_thread(_scene, fault, seed, ground, home)
    wrong: Counter[str] = Counter()
    evidence = ""
    try:
        try:
            await scene.play(fault.inject)
        except AssertionError as stalled:
            wrong[f"stalled ({stalled})"] = 1
        else:
            log = await asyncio.to_thread(scene.storm.log)
            found = await asyncio.to_thread(flaws, log, scene.case())
            (home / "flaws.txt").write_text("".join(f"{flaw}\n" for flaw in found), encoding="utf-8")
            wrong.update(flaw.partition(":")[0] for flaw in found)
            wrong.update(await asyncio.to_thread(scene.bounds.passed, scene.recovery_s, len(scene.case().fed)))
            evidence = _evidence(fault.proof(scene), log, scene.bounds)
    finally:
        await asyncio.to_thread(forget, ground.address, scene.deployment.namespace)
    outcome = Outcome(
        fault.name,
        fault.step,
        seed,
        distinct(scene.case().fed),
        evidence,
        dict(wrong),
        scene.recovery_s,
        monotonic() - began,
        keep(home, kept_in / f"{fault.name}-{seed}", [*scene.told, *scene.notes]) if wrong or keeps_all else None,
    )
    shutil.rmtree(home, ignore_errors=True)
    return outcome


def _scene(fault: StreamFault, seed: int, ground: Embedded, home: Path) -> Scene:
    """Return a deployment that is ready to be fed, its models published; raise Unplayable where history is short."""
    code = previous.check_out(home / "previous") if fault.is_upgrade else ROOT
    deployment = Deployment(ground.address, home, by_night(grocery()), partitions=PARTITIONS, mode="history")
    told = list(people.events(seed, fault.people, fault.until))
    scene = Scene(deployment, random.Random(f"{fault.name}-{seed}"), told, seed, ground.data, code)
    for version in people.models():
        scene.storm.publish(version)
    return scene


def _evidence(proof: str, log: Log, bounds: Bounds) -> str:
    """Return the proof with what the stages said and the run took; "" where there is none, or a stage said nothing."""
    said = {noun: len(log.said[noun]) for noun in SAID_BY_STAGES}
    return f"{proof}; {said['decisions']:,} decisions; {bounds}" if proof and all(said.values()) else ""
