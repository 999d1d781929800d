"""Barriers: in lockstep a shard stands at the beginning of each day until every trainer has released it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from streams.inputs import PolicyInput, RawInput
from streams.records import Tick
from tests.builders import DAY_MS, NOW
from tests.shard import Shard, plain_policy, raw, release, version

TODAY: Final = NOW // DAY_MS * DAY_MS
TRAINED: Final = ("next_purchase", "lapse")  # of the small policy; `basket` gives money
CLOSED: Final = ("rewards", "rewards", "retraining", "retraining")  # what the end of a window says


def started(bundle: dict[str, Any] | None = None, **setting: Any) -> Shard:
    """Return a shard in lockstep."""
    return Shard(bundle or plain_policy(), **{"lockstep": True, **setting})


def let_go(shard: Shard, barrier: int) -> None:
    """Release a barrier for all models."""
    shard.learn(*(release(model, barrier) for model in TRAINED))


def is_shut(shard: Shard) -> bool:
    barriers = shard.driver.clock.barriers
    assert barriers is not None
    return barriers.is_shut()


def test_the_first_event_waits_at_the_beginning_of_its_day() -> None:
    shard = started()
    step = shard.driver.out.step
    assert shard.tell(raw(at=NOW)) == [Tick(TODAY)]
    assert (shard.driver.held, is_shut(shard)) == (True, True)
    assert (shard.shard.clock, shard.shard.barrier, shard.driver.out.step) == (TODAY, TODAY, step + 1)
    assert [(output.noun, output.step) for output in shard.outputs] == [("barriers", step + 1)]


def test_it_is_said_once_and_the_event_is_taken_when_every_trainer_has_released_it() -> None:
    shard = started()
    shard.tell(raw(at=NOW))
    for model in TRAINED:
        assert shard.tell(raw(at=NOW)) == []
        assert is_shut(shard)
        shard.learn(release(model, TODAY))
    assert not is_shut(shard)
    said = [type(record).__name__ for record in shard.tell(raw(at=NOW))]
    assert said == ["Event", "Decision", "Activation"]
    assert (shard.driver.held, shard.shard.clock) == (False, NOW)
    shard.tell(raw(at=TODAY + DAY_MS - 1))
    assert shard.said["barriers"] == [Tick(TODAY)]


def test_at_a_barrier_nothing_is_taken_not_even_what_is_late() -> None:
    shard = started()
    shard.tell(raw(at=NOW))
    for given in (raw(at=NOW, event_id="another"), raw(at=TODAY - 1), raw(at=TODAY + 3 * DAY_MS)):
        assert shard.tell(given) == []
        assert shard.driver.held
    shard.tick(TODAY + 9 * DAY_MS)
    assert (shard.driver.held, shard.shard.clock) == (True, TODAY)


def decided() -> Shard:
    """Return a shard that has made a decision at NOW and stands a day before its window ends, at no barrier."""
    shard = started()
    let_go(shard, TODAY + 15 * DAY_MS)
    shard.tell(raw(at=NOW))
    shard.tick(NOW + 15 * DAY_MS)
    shard.outputs.clear()
    return shard


def test_windows_that_end_by_a_barrier_close_before_it_each_in_a_step_of_its_own() -> None:
    shard = decided()
    shard.tick(NOW + 17 * DAY_MS)
    steps = {output.noun: output.step for output in shard.outputs}
    assert [output.noun for output in shard.outputs] == [*CLOSED, "barriers"]
    assert steps == {"rewards": shard.driver.out.step - 1, "retraining": shard.driver.out.step - 1,
                     "barriers": shard.driver.out.step}  # fmt: skip
    assert shard.said["barriers"][-1] == Tick(TODAY + 17 * DAY_MS)


def test_windows_that_end_behind_a_barrier_wait_for_its_release() -> None:
    shard = decided()
    shard.tick(NOW + 16 * DAY_MS)
    assert [output.noun for output in shard.outputs] == ["barriers"]
    let_go(shard, TODAY + 16 * DAY_MS)
    shard.tick(NOW + 16 * DAY_MS)
    assert [output.noun for output in shard.outputs] == ["barriers", *CLOSED]


def test_days_on_which_nothing_happens_are_left_out() -> None:
    shard = started()
    let_go(shard, TODAY)
    shard.tell(raw(at=NOW))
    shard.tell(raw(at=NOW + 6 * DAY_MS))
    assert shard.said["barriers"] == [Tick(TODAY), Tick(TODAY + 6 * DAY_MS)]
    let_go(shard, TODAY + 5 * DAY_MS)
    assert is_shut(shard)


def test_the_tick_that_ends_a_history_waits_too() -> None:
    shard = started()
    let_go(shard, TODAY)
    shard.tell(raw(at=NOW))
    end = NOW + 17 * DAY_MS
    shard.tick(end)
    assert (shard.driver.held, shard.shard.clock) == (True, TODAY + 17 * DAY_MS)
    let_go(shard, TODAY + 17 * DAY_MS)
    step = shard.driver.out.step
    shard.tick(end)
    assert (shard.driver.held, shard.shard.clock, shard.driver.out.step) == (False, end, step + 1)


def test_a_barrier_stands_after_a_restart_and_so_does_its_release() -> None:
    shard = started()
    shard.tell(raw(at=NOW))
    shard.restart()
    assert is_shut(shard)
    assert shard.tell(raw(at=NOW)) == []
    let_go(shard, TODAY)
    shard.restart()
    assert not is_shut(shard)
    assert len(shard.tell(raw(at=NOW))) == 3
    assert shard.said["barriers"] == [Tick(TODAY)]


def test_a_barrier_that_is_released_already_holds_nobody() -> None:
    shard = started()
    let_go(shard, TODAY + DAY_MS)
    said = [type(record).__name__ for record in shard.tell(raw(at=NOW))]
    assert said == ["Tick", "Event", "Decision", "Activation"]
    assert [output.step for output in shard.outputs] == [2, 3, 3, 3]
    assert not shard.driver.held


def test_duplicates_and_refused_events_come_to_no_barrier() -> None:
    shard = started()
    let_go(shard, TODAY)
    shard.tell(raw(at=NOW))
    shard.tell(raw(at=NOW), raw(at=NOW + DAY_MS, properties={}), raw(at=NOW + 9 * DAY_MS))
    assert shard.said["barriers"] == [Tick(TODAY)]
    assert shard.counted("records") == {("accepted",): 1, ("duplicate",): 1, ("dead_letter",): 2}


@pytest.mark.parametrize("setting", [{"lockstep": False}, {"lockstep": True, "live": True}], ids=str)
def test_there_are_barriers_only_in_a_history_in_lockstep(setting: dict[str, Any]) -> None:
    shard = started(**setting)
    shard.tell(raw(at=NOW))
    assert shard.driver.clock.barriers is None
    assert len(shard.said["events"]) == 1
    assert shard.said["barriers"] == []


def test_without_a_model_that_is_trained_there_are_no_barriers() -> None:
    shard = started()
    before = shard.book[shard.shard.policy_hash]
    policy = replace(before, hash="unlabelled", models={n: replace(m, label=None) for n, m in before.models.items()})
    shard.book[policy.hash] = policy
    shard.give(PolicyInput(policy))
    shard.tell(raw(at=NOW), raw(at=NOW + 5 * DAY_MS))
    assert (len(shard.said["events"]), shard.said["barriers"], is_shut(shard)) == (2, [], False)


def test_before_there_is_a_policy_there_are_no_barriers() -> None:
    shard = started()
    shard.shard.policy_hash = ""
    shard.tick(NOW)
    assert (shard.shard.clock, shard.said["barriers"]) == (NOW, [])


def test_what_models_say_takes_no_step_in_lockstep() -> None:
    shard = started()
    step = shard.driver.out.step
    shard.beat("lapse")
    shard.learn(version("lapse"), release("lapse", TODAY))
    assert shard.driver.out.step == step
    row = shard.driver.state.models.get("lapse")
    assert row is not None
    assert (row.released, len(row.versions)) == (TODAY, 1)


def test_a_policy_with_another_model_waits_for_its_trainer_too() -> None:
    policy = plain_policy()
    policy["models"]["churn"] = policy["models"]["lapse"]
    shard = started()
    let_go(shard, TODAY)
    shard.tell(raw(at=NOW))
    shard.switch(policy)
    assert is_shut(shard)
    shard.learn(release("churn", TODAY))
    assert not is_shut(shard)


def test_what_fails_behind_a_barrier_leaves_it_said_once() -> None:
    shard = started()
    shard.tell(raw(at=NOW))
    let_go(shard, TODAY)
    given = RawInput(raw(at=NOW), shard.original())
    shard.flush()
    shard.give(given)
    shard.driver.state.rewind()
    shard.driver.bury(given, given.original, "internal_error:KeyError", "", is_event=True)
    assert shard.shard.clock == TODAY
    shard.tell(raw(at=NOW + 1))
    assert shard.said["barriers"] == [Tick(TODAY)]
