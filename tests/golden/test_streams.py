"""What one shard says of a life, diffed as text. `python -m tests.golden.test_streams` writes the files anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.vault import PersonalVault
from streams.decision import unpack
from streams.decision.explain import tell
from tests.builders import HOUR_MS, NOW
from tests.shard import WALL, Shard, plain_policy, raw, version

FOLDER = Path(__file__).parent / "streams"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
UNTOLD = {"evidence", "previous_hash", "hash", "key", "value", "policy_hash", "traceparent", "content", "consent"}


class Life:
    """A shard and the instructions of a scenario."""

    def __init__(self, scenario: dict[str, Any]) -> None:
        self._begin = WALL if scenario.get("live") else NOW
        self._shard = Shard(plain_policy(**scenario["policy"]), live=scenario.get("live", False))

    def at(self, told: str) -> int:
        return self._begin + int(told.removesuffix("h")) * HOUR_MS

    def learn(self, versions: dict[str, str]) -> None:
        self._shard.learn(*(version(model, name, calibrated=True) for model, name in versions.items()))
        self._shard.beat(*versions)

    def tell(self, event: dict[str, Any]) -> None:
        self._shard.tell(raw(event.pop("type"), self.at(event.pop("at")), **event))

    def answer(self, outputs: list[float]) -> None:
        self._shard.answer(self._shard.said["requests"][-1], *outputs)

    def report(self, told: dict[str, str]) -> None:
        activation = self._shard.said["activations"][-1]
        names = ("activation_id", "decision_id", "delivery_channel")
        said = {name: getattr(activation, name) for name in names}
        self._shard.tell(raw(f"activation_{told['kind']}", self.at(told["at"]), properties=said))

    def tick(self, at: str) -> None:
        self._shard.tick(self.at(at))

    def wait(self, ms: int) -> None:
        self._shard.pass_time(ms)

    def restart(self, _: bool) -> None:
        self._shard.restart()

    def told(self) -> str:
        """Return all that was said: a paragraph for each record, a decision with its reasons."""
        lines: list[str] = []
        for output in self._shard.outputs:
            lines += ["", f"step {output.step}: {output.noun}{'.' * bool(output.model)}{output.model}"]
            for name in type(output.record).__slots__:
                value = getattr(output.record, name)
                if name not in UNTOLD and value not in (None, "", [], {}) and (name, value) != ("deadline_at", 0):
                    lines.append(f"    {name}: {self._shown(name, value)}")
            if output.noun == "decisions":
                lines += ["", *self._explained(output.record)]
        return "\n".join(lines).lstrip() + "\n"

    def _shown(self, name: str, value: Any) -> str:
        if not name.endswith("_at"):
            return str(value)
        after = value - self._begin
        return f"{after / HOUR_MS:+.6g} h" if after % HOUR_MS == 0 else f"{after:+} ms"

    def _explained(self, decision: Any) -> list[str]:
        vault = PersonalVault(b"lockstep")
        key = vault.new_key(decision.profile_id)
        verdict = unpack(decision.evidence, lambda sealed, about: vault.open(key, sealed, about))
        text = tell(self._shard.book[decision.policy_hash], decision, verdict)
        return [f"    | {line}".rstrip() for line in text.splitlines()]


def told(name: str) -> str:
    """Return what a scenario comes to."""
    scenario = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    life = Life(scenario)
    for step in scenario["life"]:
        ((instruction, value),) = step.items()
        getattr(life, instruction)(value)
    return life.told()


@pytest.mark.parametrize("name", NAMES)
def test_a_life_is_told_as_before(name: str) -> None:
    assert told(name) == (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


def test_every_text_has_its_scenario() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.txt")) == NAMES


if __name__ == "__main__":
    for each in NAMES:
        (FOLDER / f"{each}.txt").write_text(told(each), encoding="utf-8")
