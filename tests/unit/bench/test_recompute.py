"""What recomputes a benchmark's decisions finds what is wrong, planted one at a time in a flawless run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from agents.codecs.avro import DECODERS
from bench import crowd, recompute
from bench.verify import Wrong
from streams.ids import chained
from streams.records import Activation, Decision
from tests.stream import Deployment

PEOPLE, PURCHASES, NOW = 12, 40, 1_700_000_000_000


@dataclass
class Run:
    """What a run left behind."""

    wanted: list[str]
    decisions: list[tuple[int, Decision]]
    activations: list[Activation]
    rows: dict[bytes, bytes]

    def check(self) -> recompute.Found:
        return recompute.check(crowd.policy(), self.wanted, self.decisions, self.activations, self.rows)

    def first_with_action(self) -> int:
        return next(place for place, (_, one) in enumerate(self.decisions) if one.action)

    def change(self, place: int, **fields: Any) -> None:
        partition, decision = self.decisions[place]
        self.decisions[place] = (partition, replace(decision, **fields))


@pytest.fixture
def run(flawless: Run) -> Run:
    """A flawless run, to plant something in."""
    return Run([*flawless.wanted], [*flawless.decisions], [*flawless.activations], flawless.rows)


@pytest.fixture(scope="module")
def flawless() -> Run:
    """A crowd decided about in memory, its models cold."""
    deployment = Deployment(crowd.bundle())
    purchases = [crowd.purchase(n, n % PEOPLE, NOW + n) for n in range(PURCHASES)]
    deployment.tell([*crowd.opening(PEOPLE, NOW), *purchases])
    decisions = [(one.partition, DECODERS["decision"](one.value)) for one in deployment.log.records("decisions")]
    rows = {key: row for shard in deployment.rows for key, row in shard.items()}
    return Run([crowd.decision_id(one) for one in purchases], decisions, deployment.said("activations"), rows)


def test_a_flawless_run_passes(run: Run) -> None:
    found = run.check()
    assert found.decisions == PURCHASES
    assert found.readings == {"cold": PURCHASES * len(crowd.MODELS)}
    assert 0 < found.acted < 1
    assert found.scored > 1


def a_lost_decision(run: Run) -> None:
    run.decisions.pop()


def a_decision_twice(run: Run) -> None:
    run.decisions.append(run.decisions[-1])


def a_decision_that_nothing_asked_for(run: Run) -> None:
    run.wanted.pop()


def a_changed_evidence(run: Run) -> None:
    evidence = run.decisions[0][1].evidence
    run.change(0, evidence=evidence[:-1] + bytes([evidence[-1] ^ 1]))


def another_choice_than_the_evidence_has(run: Run) -> None:
    """Change a byte of the choice, and everything that vouches for it."""
    place = max(place for place, (partition, _) in enumerate(run.decisions) if partition == run.decisions[-1][0])
    _, decision = run.decisions[place]
    evidence = bytearray(decision.evidence)
    at = next(at for at in range(len(evidence) // 2, len(evidence)) if 0 < evidence[at] < 0x7F)
    evidence[at] ^= 1
    told = bytes(evidence)
    run.change(place, evidence=told, hash=chained(decision.previous_hash, told))


def a_broken_chain(run: Run) -> None:
    run.change(1, previous_hash=bytes([7]) * 32)


def a_lost_activation(run: Run) -> None:
    run.activations.pop()


def an_activation_twice(run: Run) -> None:
    run.activations.append(run.activations[0])


def an_activation_of_another_decision(run: Run) -> None:
    run.activations[0] = replace(run.activations[0], decision_id=run.wanted[-1])


@pytest.mark.parametrize(
    ("plant", "told"),
    [
        (a_lost_decision, "is missing|has an action"),
        (a_decision_twice, "it is there twice"),
        (a_decision_that_nothing_asked_for, "nothing asked for it"),
        (a_changed_evidence, "its hash is not that of its evidence"),
        (a_broken_chain, "does not follow the one before it"),
        (a_lost_activation, "has an action and no activation"),
        (an_activation_twice, "expected once"),
        (an_activation_of_another_decision, "of its decision"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_wrong_is_found(run: Run, plant: Callable[[Run], None], told: str) -> None:
    plant(run)
    with pytest.raises(Wrong, match=told):
        run.check()


def test_a_choice_that_does_not_follow_is_found_however_well_it_is_vouched_for(run: Run) -> None:
    another_choice_than_the_evidence_has(run)
    with pytest.raises(Exception, match=r".*"):  # unreadable, or other bytes: never accepted
        run.check()
