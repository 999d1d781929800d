"""One run: a deployment, events, a fault; then, when the lag is zero again, the judgement."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Final

from agents.transport.errors import EXIT_REFUSED
from tests import witness
from tests.faults.forgetting import forget
from tests.faults.outcome import Outcome, keep
from tests.faults.transport.fault import Fault
from tests.faults.transport.feeding import feed
from tests.faults.transport.grounds import Ground
from tests.faults.transport.stage import Stage, Stalled
from tests.toy_deployment import PARTITIONS
from tests.toy_judge import judge, violations

RSS_MB_MAX: Final = 400  # a worker that is fed as fast as it can takes some 120 MB, and more while it restores
SETTLE_S: Final = 20.0  # for the markers of the last transactions
WRITTEN: Final = ("events", "dead-letters", "changelog", "decision-notes")


async def run(fault: Fault, seed: int, ground: Ground, kept_in: Path, *, keeps_all: bool = False) -> Outcome:
    """Play one fault; the logs of a run that is not flawless, or of any, are moved to `kept_in`."""
    began = monotonic()
    home = Path(tempfile.mkdtemp(prefix=f"{fault.name}-"))
    stage = await asyncio.to_thread(Stage, ground, fault, seed, home)
    wrong: Counter[str] = Counter()
    try:
        try:
            await _play(stage)
        except Stalled as stalled:
            stage.ask_whereabouts()
            await stage.wait_some_time(1.0)
            wrong[f"stalled ({stalled})"] = 1
        await stage.stop_all()
        judgement = await asyncio.to_thread(judge, ground.address, stage.deployment.topic, PARTITIONS, stage.source)
        wrong.update(violations(judgement))
        wrong.update(await _aftermath(stage))
    finally:
        await stage.close()
        stage.progress.stop()
        await asyncio.to_thread(forget, ground.address, stage.deployment.group)
    outcome = Outcome(
        fault.name,
        fault.step,
        seed,
        judgement.events + judgement.dead_letters,
        fault.proof(stage),
        dict(wrong),
        stage.progress.silence_s,
        monotonic() - began,
        keep(home, kept_in / f"{fault.name}-{seed}", [*stage.told, *stage.notes]) if wrong or keeps_all else None,
    )
    shutil.rmtree(home, ignore_errors=True)
    return outcome


async def _play(stage: Stage) -> None:
    fault = stage.fault
    stage.burden(fault.load)
    stage.progress.start()
    stage.start(*fault.workers)
    in_a_hurry = Event()
    stage.feeding = asyncio.create_task(
        asyncio.to_thread(feed, stage.deployment, fault.flows, fault.poison_every, in_a_hurry)
    )
    try:
        await fault.inject(stage)
    finally:
        in_a_hurry.set()
        stage.poisoned = await stage.feeding
    if fault.is_refused:
        await stage.wait_all_refused()
    else:
        await stage.wait(lambda: stage.progress.total >= stage.events, "the lag to be zero", fault.patience_s)


async def _aftermath(stage: Stage) -> list[str]:
    """Return what else is wrong after a fault."""
    refused = [name for name, code in stage.codes.items() if code == EXIT_REFUSED]
    wrong = [f"refused ({name}: {stage.told[-3:]})" for name in refused if not stage.fault.is_refused]
    if stage.rss_mb_max > RSS_MB_MAX:
        wrong.append(f"memory (a worker took {stage.rss_mb_max} MB, {RSS_MB_MAX} are allowed)")
    topics = [stage.deployment.topic(noun) for noun in WRITTEN]
    deadline = monotonic() + SETTLE_S
    while hidden := await asyncio.to_thread(witness.hidden, stage.ground.address, topics, PARTITIONS):
        if monotonic() >= deadline:
            return [*wrong, f"transactions left open ({hidden})"]
        await stage.wait_some_time(0.1)
    return wrong
