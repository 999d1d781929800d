"""The one table of the whole stream's faults."""

from __future__ import annotations

from typing import Final

from tests.faults.stream.fault import StreamFault
from tests.faults.stream.kills import kill_all_sorts, kill_nobody, killed_all_sorts, killed_nobody
from tests.faults.stream.policies import decided_under_both, publish_and_kill
from tests.faults.stream.upgrades import roll, rolled

STREAM: Final = (
    StreamFault(
        "stream-none",
        "the whole stream, with workers, models, trainers and delivery channels, and nothing is done to it",
        "no process died, and every stage said something",
        kill_nobody,
        killed_nobody,
    ),
    StreamFault(
        "stream-kill",
        "the whole stream; workers are killed with -9 four times, model, trainers and channels once each",
        "all were killed, and every stage said something",
        kill_all_sorts,
        killed_all_sorts,
    ),
    StreamFault(
        "stream-policy",
        "the whole stream; another policy is published in the middle and a worker killed with -9, before and after too",
        "decisions name both policies, workers were killed, and every stage said something",
        publish_and_kill,
        decided_under_both,
    ),
    StreamFault(
        "stream-upgrade",
        "the whole stream; all processes run the commit before the last change of the product and are replaced in turn",
        "all of them drained and were replaced, and every stage said something",
        roll,
        rolled,
        is_upgrade=True,
    ),
)
