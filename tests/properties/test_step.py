"""The step: the same inputs give the same bytes, however they are cut, wherever it starts again, whatever fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import pytest
from aiokafka.structs import ConsumerRecord
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.codecs.avro import DECODERS, ENCODERS
from agents.transport.applier import Output
from agents.turn import STEP
from agents.workers.answering import answer
from agents.workers.shelf import Shelf
from streams import arbitrate, attribute, profile
from streams.ids import chained, derive, fingerprint
from streams.ingest import JUMP_MS
from streams.records import ProposalBatch, RawEvent
from streams.rows import Profile
from tests.builders import DAY_MS, HOUR_MS, NOW, small_policy
from tests.models import weighted
from tests.records import RAW, kafka_record, raw_record
from tests.shard import WALL, raw, release
from tests.stream import Deployment

KINDS: Final = ("basket_completed", "product_purchased", "delivered", "again", "garbage", "unsubscribed")
GAPS_MS: Final = (0, 1, HOUR_MS, DAY_MS, 5 * DAY_MS, -2 * DAY_MS)
NEXT_PURCHASE: Final = weighted(
    "next_purchase", ["bought_28d.bread", "bought_28d.soup", "baskets_28d"], ["bread", "soup"]
)
LAPSE: Final = weighted("lapse", ["recency_d", "baskets_28d"])

Fact = tuple[str, int, int]  # kind, person, gap
Record: TypeAlias = ConsumerRecord[Any, Any]


@dataclass
class Play:
    """How a log is played: where it is cut, after which cuts the shard starts again, what its wall clock says."""

    cuts: list[int] = field(default_factory=lambda: [1_000])
    restarts: list[bool] = field(default_factory=lambda: [False])
    wall: int = WALL


facts = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 2), st.sampled_from(GAPS_MS)), min_size=5, max_size=40
)
plays = st.builds(
    Play,
    st.lists(st.integers(1, 9), min_size=1, max_size=6),
    st.lists(st.booleans(), min_size=1, max_size=6),
    st.integers(WALL, WALL + DAY_MS),
)
quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def log_of(told: list[Fact]) -> list[Record]:
    """Return a partition's records: baskets, purchases, reports on earlier baskets' activations, repeats, garbage."""
    records: list[Record] = []
    events: list[RawEvent] = []
    at = NOW
    for number, (kind, person, gap) in enumerate(told):
        at = max(at + gap, NOW)
        name, event_id = f"p{person}", str(number)
        if kind == "garbage":
            records.append(kafka_record(b"\x07garbage", offset=number))
            continue
        if kind == "again" and events:
            event = events[person % len(events)]
        elif kind == "delivered":
            baskets = [one for one in events if one.type == "basket_completed" and one.profile_id == name]
            basket_id = baskets[-1].event_id if baskets else "none"
            decision_id = derive("decision", "checkout", "till", basket_id)
            activation_id = derive("activation", decision_id, "checkout", "0")
            said = {"activation_id": activation_id, "decision_id": decision_id, "delivery_channel": "app"}
            event = raw("activation_delivered", at, event_id=event_id, profile_id=name, properties=said)
        elif kind == "unsubscribed":
            event = raw(kind, at, event_id=event_id, profile_id=name, properties={"delivery_channel": "email"})
        else:
            usual = "basket_completed" if kind == "again" else kind
            event = raw(usual, at, event_id=event_id, profile_id=name, consent={"email": True})
        events.append(event)
        records.append(raw_record(event, number))
    return records


class Player:
    """One shard in lockstep, with the process of its model beside it, and trainers that have nothing to say."""

    def __init__(self, **sections: Any) -> None:
        self.deployment = Deployment(small_policy(**sections), 1, lockstep=True)
        self.deployment.learn(LAPSE)
        self.deployment.learn(NEXT_PURCHASE)
        self.deployment.log.run()
        self.shelf = Shelf()
        self.shelf.put(NEXT_PURCHASE)
        self.outputs: list[Output] = []
        self.deployment.tick(NOW)
        self._release(NOW)
        self.deployment.log.run()

    def play(self, records: list[Record], how: Play) -> list[Output]:
        """Apply a log; return all outputs but the requests, whose batches are those of the chunks."""
        at = cut = 0
        while at < len(records):
            size = how.cuts[cut % len(how.cuts)]
            wall = how.wall + cut
            turn = self.deployment.appliers[0].take(RAW, records[at : at + size], wall)
            self._keep(turn.outputs, wall)
            at += turn.consumed
            if how.restarts[cut % len(how.restarts)]:
                self.deployment.renew(0)
            cut += 1
        return self.outputs

    def _keep(self, outputs: list[Output], wall: int) -> None:
        for output in outputs:
            if ".requests." not in output[0]:
                self.outputs.append(output)
                if ".barriers." in output[0]:
                    self._release(DECODERS["tick"](output[3]).ticked_at)
                continue
            batch = DECODERS["request_batch"](output[3])
            proposals = ProposalBatch(batch.model, answer(batch.items, self.shelf.get, lambda: 0))
            said = kafka_record(ENCODERS["proposal_batch"](proposals), "proposals")
            self._keep(self.deployment.appliers[0].take("continuo.proposals.v1", [said], wall).outputs, wall)

    def _release(self, barrier: int) -> None:
        for model in (LAPSE.model, NEXT_PURCHASE.model):
            said = kafka_record(ENCODERS["model_version"](release(model, barrier)), "models")
            self.deployment.appliers[0].take("continuo.models.v1", [said], WALL)


@given(facts, plays)
@quick
def test_a_log_gives_the_same_bytes_however_it_is_cut_and_wherever_it_starts_again(told: list[Fact], how: Play) -> None:
    records = log_of(told)
    whole, cut = Player(), Player()
    assert whole.play(records, Play()) == cut.play(records, how)
    assert whole.deployment.rows == cut.deployment.rows


@given(facts, plays)
@quick
def test_steps_rise_and_decisions_are_chained(told: list[Fact], how: Play) -> None:
    outputs = Player().play(log_of(told), how)
    steps = [STEP.unpack(output[4][0][1])[1] for output in outputs]
    assert steps == sorted(steps)
    previous = bytes(32)
    for output in outputs:
        if ".decisions." in output[0]:
            decision = DECODERS["decision"](output[3])
            assert decision.previous_hash == previous
            assert decision.hash == chained(previous, decision.evidence)
            previous = decision.hash


FAULTS: Final[dict[str, tuple[Any, str]]] = {
    "fold": (profile, "fold"),
    "compute": (profile, "compute"),
    "observe": (attribute, "observe"),
    "arbitrate": (arbitrate, "arbitrate"),
    "hold": (attribute, "hold"),
}


@given(facts, plays, st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2)), max_size=6))
@pytest.mark.usefixtures("pure_core")
@pytest.mark.parametrize("stage", FAULTS)
@quick
def test_a_failing_record_leaves_exactly_what_the_log_without_it_leaves(
    stage: str, told: list[Fact], how: Play, places: list[tuple[int, int]]
) -> None:
    """A record on which a stage fails, after it has done its work, is worth as much as one that is no record."""
    clean, failing = log_of(told), log_of(told)
    clocks = _clocks(clean)
    bombs: set[object] = set()
    for place, person in sorted(set(places), reverse=True):
        at = clocks[min(place, len(clocks) - 1)]
        bomb = raw(at=at, event_id=f"bomb-{place}-{person}", profile_id=f"p{person}")
        decision_id = derive("decision", "checkout", "till", bomb.event_id)
        bombs |= {bomb.event_id, decision_id, fingerprint("till", bomb.event_id)}
        failing.insert(place, raw_record(bomb, 99, timestamp=7))
        clean.insert(place, kafka_record(b"\x07bomb", offset=99, timestamp=7))
    without, with_failures = Player(models=_INLINE), Player(models=_INLINE)
    expected = without.play(clean, how)
    with pytest.MonkeyPatch.context() as patch:
        module, name = FAULTS[stage]
        patch.setattr(module, name, _failing(getattr(module, name), bombs))
        came = with_failures.play(failing, Play())
    assert len(_parted(came)[0]) == len(_parted(expected)[0])
    assert _parted(came)[1] == _parted(expected)[1]
    assert with_failures.deployment.rows == without.deployment.rows


_INLINE: Final = {name: model | {"serves": "inline"} for name, model in small_policy()["models"].items()}


def _clocks(records: list[Record]) -> list[int]:
    """Return the shard's clock before each record, and after the last one; NOW where it has none yet."""
    clocks = [NOW]
    for record in records:
        at = clocks[-1] if record.value.startswith(b"\x07") else DECODERS["raw_event"](record.value).occurred_at
        clocks.append(max(clocks[-1], at) if at - clocks[-1] <= JUMP_MS else clocks[-1])
    return clocks


def _parted(outputs: list[Output]) -> tuple[list[Output], list[Output]]:
    """Return the dead letters, and all else."""
    letters = [output for output in outputs if ".dead-letters." in output[0]]
    return letters, [output for output in outputs if ".dead-letters." not in output[0]]


def _failing(real: Callable[..., Any], bombs: set[object]) -> Callable[..., Any]:
    """Return a function that does its work and then fails, if it is about one of these ids."""

    def failing(*arguments: Any) -> Any:
        result = real(*arguments)
        for argument in arguments:
            ids = {getattr(argument, name, None) for name in ("event_id", "trigger_event_id", "decision_id")}
            if isinstance(argument, Profile):
                ids |= argument.seen.keys()
            if ids & bombs:
                raise LookupError("a bomb")
        return result

    return failing


def test_what_a_run_leaves_is_not_empty() -> None:
    told: list[Fact] = [(KINDS[n % 3], n % 2, HOUR_MS) for n in range(60)]
    outputs = Player().play(log_of(told), Play())
    nouns = {output[0].split(".")[1] for output in outputs}
    assert nouns >= {"barriers", "events", "decisions", "activations", "outcomes", "rewards", "decision-notes"}
