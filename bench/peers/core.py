"""The decision core alone: decide, and encode the record, for a crowd under a policy of 50 actions.

Says the two words of every peer; then decides everything again from its record and keeps what it found.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

import msgspec

from bench.peers.job import Job, Progress, say, wait_killed
from bench.verify import Wrong
from streams.decision import pack, replay, unpack
from streams.policy import compile_policy
from tests.crowd import crowd, crowd_policy

ACTIONS: Final = 50
PEOPLE: Final = 500


def main(job: Job, kept: Path) -> None:
    """Decide about people in turn."""
    policy = compile_policy(crowd_policy(1, ACTIONS, timed=False))
    point = policy.points["till"]
    cases = list(crowd(policy, point, 1, PEOPLE))
    progress = Progress(job)
    verdicts = []
    progress.begin()
    for n in range(job.events):
        verdict = cases[n % PEOPLE].decide(policy, point)
        evidence = pack(verdict, _seal)
        if n < PEOPLE:
            verdicts.append((verdict, evidence))
    say("end")
    for verdict, evidence in verdicts:
        if pack(replay(policy, unpack(evidence, _seal)), _seal) != evidence:
            raise Wrong(f"decision {verdict.decision_id}: decided again from its evidence, other bytes come out")
    digest = hashlib.sha256(b"".join(evidence for _, evidence in verdicts)).hexdigest()
    scored = sum(len(verdict.scored) for verdict, _ in verdicts) / len(verdicts)
    acted = sum(verdict.chosen >= 0 for verdict, _ in verdicts) / len(verdicts)
    kept.write_bytes(msgspec.msgpack.encode((len(point.board.candidates), scored, acted, digest)))
    say("kept")
    wait_killed()


def _seal(plaintext: bytes, _decision_id: str) -> bytes:
    """Stand for encryption, which is not the core's."""
    return plaintext


if __name__ == "__main__":
    main(Job.load(), Path(os.environ["BENCH_STATE"]) / "kept")
