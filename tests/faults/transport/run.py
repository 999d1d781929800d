"""One run: a deployment, events, a fault; then, when the lag is zero again, the judgement."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from agents.transport.errors import EXIT_REFUSED
from tests import witness
from tests.faults.transport.fault import Fault
from tests.faults.transport.feeding import feed
from tests.faults.transport.grounds import Ground
from tests.faults.transport.stage import Stage, Stalled
from tests.toy_deployment import PARTITIONS
from tests.toy_judge import judge, violations

RSS_MB_MAX: Final = 400  # a worker that is fed as fast as it can takes some 120 MB, and more while it restores
SETTLE_S: Final = 20.0  # for the markers of the last transactions
WRITTEN: Final = ("events", "dead-letters", "changelog", "decision-notes")


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    fault: str
    seed: int
    events: int  # judged
    evidence: str  # that the fault took effect; "" = it did not, and the run does not count
    wrong: dict[str, int]  # what is violated, and how often
    recovery_s: float
    seconds: float
    kept: Path | None  # where its logs are

    @property
    def violations(self) -> int:
        """Count them."""
        return sum(self.wrong.values())

    def __str__(self) -> str:
        """Return the line of the run."""
        wrong = f"{self.violations} violations" + "".join(f"\n    {what}: {n}" for what, n in self.wrong.items())
        kept = f"\n    logs: {self.kept}" if self.kept else ""
        return (
            f"seed {self.seed:>4}  {self.fault:<22} {self.events:>7,} events  recovery {self.recovery_s:5.1f} s  "
            f"{self.seconds:5.1f} s  [{self.evidence or 'VOID: took no effect'}]  {wrong}{kept}"
        )


async def run(fault: Fault, seed: int, ground: Ground, keep: Path, *, keeps_all: bool = False) -> Outcome:
    """Play one fault; the logs of a run that is not flawless, or of any, are moved to `keep`."""
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
        await asyncio.to_thread(_forget, stage)
    outcome = Outcome(
        fault.name,
        seed,
        judgement.events + judgement.dead_letters,
        fault.proof(stage),
        dict(wrong),
        stage.progress.silence_s,
        monotonic() - began,
        _keep(home, keep / f"{fault.name}-{seed}", stage) if wrong or keeps_all else None,
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


def _forget(stage: Stage) -> None:
    """Delete the topics of a run, so that one broker serves hundreds."""
    admin = AdminClient({**witness.QUIET, "bootstrap.servers": stage.ground.address})
    with suppress(KafkaException):  # what is left behind costs a broker little, and it may be the broken one
        mine = [name for name in admin.list_topics(timeout=30).topics if name.startswith(f"{stage.deployment.group}.")]
        deleted = admin.delete_topics(mine).values() if mine else ()
        for done in [*deleted, *admin.delete_consumer_groups([stage.deployment.group]).values()]:
            done.result(30)


def _keep(home: Path, place: Path, stage: Stage) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(home, place)
    (place / "told.txt").write_text("\n".join([*stage.told, *stage.notes]) + "\n", encoding="utf-8")
    return place
