"""The judge finds what is planted: records of a flawless run, each time with one thing made wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from tests.faults.case import REPORTS, Case
from tests.faults.checker import flaws, mechanisms
from tests.faults.log import Log
from tests.faults.month import Month
from tests.witness import Seen

Recorded = tuple[Log, Case]


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    """Return what a deployment in memory made of a bad month, nothing being killed."""
    return Month(seed=1).play()


def test_a_flawless_run_has_no_flaws_and_shows_what_it_did(recorded: Recorded) -> None:
    assert flaws(*recorded) == []
    seen = mechanisms(*recorded)
    for name in (
        "accepted",
        "forwarded",
        "duplicates",
        "source holdout",
        "source explore",
        "note delivered",
        "reward final",
    ):
        assert seen[name], name


def copied(log: Log, case: Case) -> Recorded:
    """Return a recording of which the original knows nothing."""
    said = {noun: [replace(one, told=dict(one.told)) for one in records] for noun, records in log.said.items()}
    return Log(log.raw, list(log.changelog), said), replace(case, bundle=dict(case.bundle))


def first(log: Log, noun: str, **fields: Any) -> int:
    """Return where the first record of a topic stands that says so."""
    return next(
        i for i, one in enumerate(log.said[noun]) if all(one.told[name] == value for name, value in fields.items())
    )


def lose(noun: str, **fields: Any) -> Callable[[Log, Case], None]:
    """Leave out a record of a topic."""

    def edit(log: Log, _case: Case) -> None:
        del log.said[noun][first(log, noun, **fields)]

    return edit


def repeat(noun: str, **fields: Any) -> Callable[[Log, Case], None]:
    """Say a record of a topic once more."""

    def edit(log: Log, _case: Case) -> None:
        place = first(log, noun, **fields)
        log.said[noun].insert(place, log.said[noun][place])

    return edit


def say(noun: str, new: dict[str, Any], **fields: Any) -> Callable[[Log, Case], None]:
    """Have a record of a topic say something else."""

    def edit(log: Log, _case: Case) -> None:
        log.said[noun][first(log, noun, **fields)].told.update(new)

    return edit


def exchange(log: Log, _case: Case) -> None:
    """Let two purchases of one person change places."""
    events = log.said["events"]
    one = first(log, "events", type="product_purchased")
    two = first(log, "events", type="basket_completed", profile_id=events[one].told["profile_id"])
    told = (events[two].told, events[one].told)
    events[one], events[two] = replace(events[one], told=told[0]), replace(events[two], told=told[1])


def step_back(log: Log, _case: Case) -> None:
    """Let a record carry a step that was before the one before it."""
    log.said["decisions"][5] = replace(log.said["decisions"][5], step=log.said["decisions"][3].step)


def remember_nobody(log: Log, _case: Case) -> None:
    """Delete a person's row."""
    row = next(seen for seen in log.changelog if (seen.key or b"").startswith(b"P"))
    log.changelog.append(row._replace(value=None))


def leave_open(log: Log, _case: Case) -> None:
    """Leave a round that was never decided."""
    log.changelog.append(Seen(0, 1, b"Rsomething", b"row", []))


def allow_less(_log: Log, case: Case) -> None:
    """Have a contact policy that was not kept."""
    case.bundle["contact"] = [rule | {"limit": 1} for rule in case.bundle["contact"]]


PLANTED: Final = [
    ("letters", lose("dead-letters", cause="future_time")),
    ("letters", repeat("dead-letters", cause="undecodable:magic")),
    ("letters", say("dead-letters", {"cause": "undecodable:schema"}, cause="undecodable:magic")),
    ("letters", say("dead-letters", {"value": b"other bytes"}, cause="not_finite:amount")),
    ("intake", lose("events", type="product_purchased")),
    ("intake", repeat("events", type="basket_completed")),
    ("intake", lose("routed-events")),
    ("order", exchange),
    ("order", say("events", {"consent": {"email": True, "app": True, "sms": True}}, type="consent_recorded")),
    ("clock", say("events", {"accepted_at": 1_483_333_333_333}, type="campaign_started")),
    ("decisions", lose("decisions", source="none")),
    ("decisions", say("decisions", {"decision_id": "0" * 32}, source="none")),
    ("activations", lose("activations")),
    ("activations", repeat("activations")),
    ("activations", say("activations", {"action": "another"})),
    ("activations", say("decisions", {"action": "beef_coupon"}, source="holdout")),
    ("draws", say("decisions", {"u": 7}, source="best")),
    ("draws", say("decisions", {"q": 7}, source="explore")),
    ("chain", say("decisions", {"previous_hash": b"?" * 32}, source="best")),
    ("chain", say("decisions", {"hash": b"?" * 32}, source="best")),
    ("contacts", allow_less),
    ("steps", step_back),
    ("steps", repeat("routed-events")),
    ("rewards", lose("rewards", status="final")),
    ("rewards", repeat("rewards", status="final")),
    ("rewards", say("rewards", {"ghost": True}, ghost=False, status="final")),
    ("worth", say("rewards", {"value_micro": 1 << 50}, ghost=False, status="final")),
    ("examples", repeat("retraining")),
    ("changelog", remember_nobody),
    ("changelog", leave_open),
]  # fmt: skip


@pytest.fixture(scope="module")
def renewed() -> Recorded:
    """Return what became of a month in whose middle another policy was published."""
    return Month(seed=1, renewed_in=5).play()


def test_a_policy_published_in_the_middle_is_judged_by_what_each_decision_names(renewed: Recorded) -> None:
    assert flaws(*renewed) == []
    log, case = renewed
    assert {decision["policy_hash"] for decision in log.told("decisions")} == set(case.policies)


def test_a_decision_by_another_policy_than_its_shard_had_is_found(renewed: Recorded) -> None:
    log, case = copied(*renewed)
    before, after = case.policies
    last = [one for one in log.said["decisions"] if one.told["policy_hash"] == after][-1]
    last.told["policy_hash"] = before
    assert [flaw for flaw in flaws(log, case, only="policies") if "went back" in flaw]
    assert [flaw for flaw in flaws(log, case) if flaw.startswith("reckoning")]
    last.told["policy_hash"] = "0" * 64
    assert [flaw for flaw in flaws(log, case, only="policies") if "never published" in flaw]


def test_the_judge_refuses_a_later_policy_that_follows_people_otherwise(renewed: Recorded) -> None:
    _, case = renewed
    with pytest.raises(AssertionError, match="outcomes"):
        replace(case, later=[case.bundle | {"outcomes": {}}])


@pytest.mark.parametrize(("check", "edit"), PLANTED, ids=[f"{n}-{check}" for n, (check, _) in enumerate(PLANTED)])
def test_what_is_planted_is_found(recorded: Recorded, check: str, edit: Callable[[Log, Case], None]) -> None:
    log, case = copied(*recorded)
    edit(log, case)
    assert flaws(log, case, only=check)


def test_reports_are_no_part_of_what_was_fed(recorded: Recorded) -> None:
    log, case = recorded
    assert any(event["type"] in REPORTS for event in log.told("events"))
    assert not any(one.event and one.event["type"] in REPORTS for one in case.fed)


def test_the_judge_imports_nothing_of_the_engine() -> None:
    seen = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules} & {'agents', 'streams'}))"
    command = [sys.executable, "-c", f"import tests.faults.checker, tests.faults.log; {seen}"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
