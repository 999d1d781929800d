"""Lives: what happens to a deployment, instruction by instruction, until all that comes of it is told as a text."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import yaml

from streams.policy import Policy
from streams.records import Proposal
from tests.builders import HOUR_MS, NOW
from tests.models import weighted
from tests.shard import SMALL, compiled, plain_policy, raw
from tests.streams.contract import Deploy, Stream

FOLDER: Final = Path(__file__).resolve().parents[1] / "golden" / "streams"
NAMES: Final = sorted(path.stem for path in FOLDER.glob("*.yaml"))
ASKED: Final = "next_purchase"  # the one model of the small policy that is a process of its own


class Life:
    """A deployment that has lived; `restarts` are the numbers of the instructions before which its worker dies."""

    def __init__(self, deploy: Deploy, name: str, restarts: Collection[int] = ()) -> None:
        told = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
        self.live: Final[bool] = told.get("live", False)
        self.book: Final[dict[str, Policy]] = {}
        self.length: Final[int] = len(told["life"])
        mode = "live" if self.live else "history"
        self.stream: Final[Stream] = deploy(
            self._bundle(told["policy"]), partitions=told.get("partitions", 1), mode=mode, lockstep=not self.live
        )
        self.begin: Final = self.stream.now() if self.live else NOW
        self.stream.settle()
        for number, step in enumerate(told["life"]):
            if number in restarts:
                self.stream.restart()
            ((instruction, value),) = step.items()
            getattr(self, f"_{instruction}")(value)

    def _learn(self, versions: dict[str, str]) -> None:
        """Publish versions of models, and vouch for their processes where somebody asks: in lockstep nobody does."""
        for model, name in versions.items():
            declared = SMALL.models[model]
            keys = SMALL.categories if declared.by_category else []
            self.stream.learn(weighted(model, declared.inputs, keys, name=name))
            if self.live:
                self.stream.beat(model)
        self.stream.settle()

    def _tell(self, event: dict[str, Any], rounds: int = 0) -> None:
        """Let an event come, and what it opens close."""
        kind, at, partition = event.pop("type"), event.pop("at"), event.pop("partition", None)
        self.stream.tell([raw(kind, self._instant(at), **{"event_id": f"{kind}-{at}"} | event)], partition)
        self.stream.settle(rounds)

    def _ask(self, event: dict[str, Any]) -> None:
        """Let an event come whose round waits."""
        self._tell(event, rounds=1)

    def _answer(self, outputs: list[float]) -> None:
        """Answer the last question."""
        partition, asked = self.stream.asked(ASKED)[-1]
        proposal = Proposal(asked.call_id, asked.round_id, asked.version, "ok", outputs)
        self.stream.answer(ASKED, partition, proposal)
        self.stream.settle()

    def _report(self, told: dict[str, str]) -> None:
        """Report what became of the last activation."""
        activation = self.stream.said("activations")[-1]
        names = ("activation_id", "decision_id", "delivery_channel")
        said = {name: getattr(activation, name) for name in names}
        self._tell({"type": f"activation_{told['kind']}", "at": told["at"], "properties": said})

    def _publish(self, sections: dict[str, Any]) -> None:
        self.stream.publish(self._bundle(sections))
        self.stream.settle()

    def _tick(self, at: str) -> None:
        self.stream.tick(self._instant(at))
        self.stream.settle()

    def _restart(self, _: bool) -> None:
        self.stream.restart()

    def _bundle(self, sections: dict[str, Any]) -> dict[str, Any]:
        """Return the plain policy with these sections; in a live life its actions are valid whenever that is."""
        bundle = plain_policy(**sections)
        if self.live:
            for action in bundle["actions"]:
                action["valid_to"] = "2100-01-01"
        policy = compiled(bundle)
        self.book[policy.hash] = policy
        return bundle

    def _instant(self, told: str) -> int:
        return self.begin + int(told.removesuffix("h")) * HOUR_MS
