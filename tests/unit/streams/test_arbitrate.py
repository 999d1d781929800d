"""Stage 4: one closed round in, one decision out."""

from __future__ import annotations

from agents.vault import PersonalVault
from streams import arbitrate
from streams.decision import unpack
from streams.ids import chained
from streams.records import Calibrator
from streams.rows import ModelRow
from tests.builders import NOW
from tests.shard import Shard, plain_policy, raw, version


def test_a_calibrator_is_that_of_the_version_that_answered() -> None:
    row = ModelRow(versions=[[1, "plain", "", [], []], [2, "v2", "c2", [5], [6, 7]]])
    assert arbitrate.calibrator_of(row, "v2") == Calibrator("c2", [5], [6, 7])
    assert arbitrate.calibrator_of(row, "plain") is None
    assert arbitrate.calibrator_of(row, "v3") is None
    assert arbitrate.calibrator_of(None, "v2") is None


def test_a_decision_record_says_what_was_decided_and_about_what() -> None:
    shard = Shard(plain_policy(exploration={"epsilon": 0, "delta": 0, "salt": "s"}))
    shard.tell(raw(event_id="e1"))
    (decision,) = shard.said["decisions"]
    assert (decision.profile_id, decision.decision_point) == ("p", "checkout")
    assert (decision.trigger_type, decision.trigger_event_id) == ("basket_completed", "e1")
    assert decision.trigger_occurred_at == NOW
    assert (decision.opened_at, decision.decided_at, decision.partition, decision.step) == (NOW, NOW, 0, 2)
    assert (decision.source, decision.action, decision.treatment) == ("best", "soup_off", "soup_off.app")
    assert (decision.delivery_channel, decision.ghost_action, decision.reason) == ("app", None, None)
    assert decision.activation_id == shard.said["activations"][0].activation_id
    assert decision.policy_hash == shard.shard.policy_hash
    assert (decision.q, decision.score_micro > 0) == (1 << 32, True)


def test_decisions_are_chained_in_the_order_of_their_steps() -> None:
    shard = Shard(plain_policy())
    shard.tell(*(raw(at=NOW + number, profile_id=f"p{number % 3}") for number in range(6)))
    previous = bytes(32)
    for decision in shard.said["decisions"]:
        assert decision.previous_hash == previous
        assert decision.hash == chained(previous, decision.evidence)
        previous = decision.hash
    shard.restart()
    assert shard.shard.chain == previous


def test_the_personal_part_of_the_evidence_opens_with_the_persons_key_only() -> None:
    shard = Shard(plain_policy())
    shard.learn(version("lapse", calibrated=True))
    shard.tell(raw())
    (decision,) = shard.said["decisions"]
    vault, person = PersonalVault(), shard.driver.state.profiles.get("p")
    assert person is not None
    verdict = unpack(decision.evidence, lambda sealed, about: vault.open(person.key, sealed, about))
    assert verdict.snapshot.profile_id == "p"
    assert {one.model: one.calibrator_id for one in verdict.snapshot.readings}["lapse"] == "lapse-v1"
    assert b"America/New_York" not in decision.evidence


def test_no_action_is_a_decision_with_its_reason() -> None:
    policy = plain_policy()
    policy["actions"][0]["eligibility"] = "baskets_28d >= 2"
    shard = Shard(policy)
    shard.tell(raw(at=NOW), raw(at=NOW + 1))
    first, second = shard.said["decisions"]
    assert (first.source, first.action, first.activation_id, first.reason) == ("none", None, None, "eligibility")
    assert second.action == "soup_off"
    assert shard.counted("withheld") == {("eligibility",): 1}
    assert [activation.decision_id for activation in shard.said["activations"]] == [second.decision_id]
