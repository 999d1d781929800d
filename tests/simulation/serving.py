"""The trainer and the process of a model: versions and heartbeats, and answers to what is asked, committed or not."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any, Final

from agents.codecs.avro import DECODERS, ENCODERS
from agents.workers.answering import answer, live
from agents.workers.shelf import Shelf
from streams.records import ModelVersion, Proposal, ProposalBatch, Request
from tests.models import weighted
from tests.simulation.dice import Dice
from tests.simulation.post import Post
from tests.simulation.worker import PARTITIONS

MODEL: Final = "next_purchase"
INPUTS: Final = {MODEL: ["bought_28d.bread", "bought_28d.soup", "baskets_28d"], "lapse": ["recency_d", "baskets_28d"]}
BEAT_MS: Final = 3_000
NEVER_PERCENT: Final = 8  # of what is asked when live; in a history the process reads again what it did not answer
SPOILT_PERCENT: Final = 15
SPOILT: Final[tuple[dict[str, Any], ...]] = (
    {"outputs": []}, {"outputs": [math.nan, 0.5]}, {"outputs": [0.5]}, {"outputs": [7.0, 0.5]}, {"version": "v9"},
    {"status": "what?"}, {"call_id": "nobody asked"},
)  # fmt: skip


class Serving:
    """Whoever trains and serves the models."""

    def __init__(self, post: Post) -> None:
        self._post: Final = post
        self._shelf: Final = Shelf()
        self._asked: list[tuple[int, Request]] = []
        self._silent_until = 0  # the model's process is dead
        self._beaten_at = 0

    def learn(self, name: str, until: int, slope: float) -> None:
        """Publish a version of each model."""
        for model, inputs in INPUTS.items():
            keys = ["bread", "soup"] if model == MODEL else ()
            version = weighted(model, inputs, keys, name=name, until=until, slope=slope)
            self._post.send("models", f"{model}/{name}".encode(), ENCODERS["model_version"](version))
            if model == MODEL:
                self._shelf.put(version)

    def beat(self) -> None:
        """Say that the model's process is there, if it is, and time to."""
        now = self._post.clock.ms
        if now >= self._silent_until and now - self._beaten_at >= BEAT_MS:
            self._beaten_at = now
            beat = ModelVersion(MODEL, "", "heartbeat", 0, now, b"", None, [], {})
            self._post.send("models", f"heartbeat/{MODEL}".encode(), ENCODERS["model_version"](beat))

    def stall(self, dice: Dice) -> str:
        """Let the model's process be dead for a while; when it is back it reads again what it had not answered."""
        self._silent_until = self._post.clock.ms + dice.one_of((5_000, 15_000, 60_000))
        return f"until {self._silent_until}"

    def serve(self, dice: Dice) -> str:
        """Answer one of the questions: once or twice, in any order, not always with sense; when live, some never."""
        self._listen()
        if not self._asked or self._post.clock.ms < self._silent_until:
            return "no answer"
        partition, request = self._asked.pop(dice.roll(len(self._asked)))
        if self._post.is_live and dice.is_in(NEVER_PERCENT):
            return f"no answer to {request.round_id[:6]}, ever"
        proposals = [_spoilt(one, dice) for one in self._propose(request)] * dice.one_of((1, 1, 1, 2))
        if any(one.call_id != request.call_id for one in proposals):
            self._asked.append((partition, request))  # nobody was answered yet
        self._say(partition, proposals)
        return f"{len(proposals)} answers to {request.round_id[:6]}"

    def serve_all(self) -> bool:
        """Answer everything; tell whether there was anything."""
        self._silent_until = 0
        self._listen()
        asked, self._asked = self._asked, []
        for partition, request in asked:
            self._say(partition, self._propose(request))
        return bool(asked)

    def _listen(self) -> None:
        for partition in range(PARTITIONS):
            for record in self._post.news("requests", partition, MODEL, committed=False):
                batch = DECODERS["request_batch"](record.value)
                self._asked += [(batch.reply_partition, item) for item in batch.items]

    def _propose(self, request: Request) -> list[Proposal]:
        return answer(live([request], self._post.clock.ms), self._shelf.get, lambda: 0)

    def _say(self, partition: int, proposals: list[Proposal]) -> None:
        if proposals:
            self._post.send("proposals", None, ENCODERS["proposal_batch"](ProposalBatch(MODEL, proposals)), partition)


def _spoilt(proposal: Proposal, dice: Dice) -> Proposal:
    if not dice.is_in(SPOILT_PERCENT):
        return proposal
    said = {field.name: getattr(proposal, field.name) for field in fields(proposal)}
    return Proposal(**said | dice.one_of(SPOILT))
