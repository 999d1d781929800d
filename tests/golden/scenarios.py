"""Scenarios: one person, one basket, one decision; each is told in full in the text file of its name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from streams.decision import Occasion, Verdict, decide, pack, unpack
from streams.decision.explain import tell
from streams.ids import chained
from streams.policy import Policy
from streams.records import Calibrator, Decision, Feature
from streams.rows import Answer, Contacts, Profile
from tests.builders import DAY_MS, NOW, compiled, make_contacts, make_offer, make_profile, small_policy

CALIBRATORS: Final[dict[str, Calibrator | None]] = {
    "next_purchase": Calibrator("np-7", [250_000_000], [40_000_000, 700_000_000]),
    "lapse": Calibrator("la-3", [500_000_000], [100_000_000, 600_000_000]),
}
ANSWERS: Final = {
    "next_purchase": Answer("np-7", "ok", [100_000_000, 900_000_000], 3, 21),
    "lapse": Answer("la-3", "ok", [800_000_000]),
    "basket": Answer("ba-1", "ok", [44_000_000]),
}
FEATURES: Final[list[Feature]] = [3, 1, 2, "p-17", 8, 61_000_000]


@dataclass
class Scenario:
    """What differs from a person who is free for anything."""

    profile: Profile = field(default_factory=make_profile)
    contacts: Contacts = field(default_factory=Contacts)
    features: list[Feature] = field(default_factory=lambda: list(FEATURES))
    answers: dict[str, Answer] = field(default_factory=lambda: dict(ANSWERS))
    sections: dict[str, Any] = field(default_factory=dict)
    decision_id: str = "d-0001"
    is_erased: bool = False


def _assumed() -> dict[str, Any]:
    outcomes = small_policy()["outcomes"]
    del outcomes["retain"]["beta"]
    return {"outcomes": outcomes}


def _by_night(valid_to: str = "2018-01-01") -> dict[str, Any]:
    """Return sections by which no delivery channel speaks now; valid_to: of all actions."""
    channels: dict[str, Any] = small_policy()["delivery_channels"]
    night = {"quiet_hours": {"from": "21:00", "to": "08:00"}}
    actions = [action | {"valid_to": valid_to} for action in small_policy()["actions"]]
    return {"delivery_channels": {name: told | night for name, told in channels.items()}, "actions": actions}


SCENARIOS: Final = {
    "best": Scenario(),
    "explored": Scenario(
        sections={"exploration": {"epsilon": 1.0, "delta": 5, "salt": "explore:v1"}}, decision_id="d-0003"
    ),
    "held_out": Scenario(sections={"holdout": {"share": 1, "seed": "2017"}}),
    "worse_price_while_a_better_one_is_live": Scenario(
        contacts=Contacts(offers=[make_offer(group="tea", line="tea", intent="inform"), make_offer()])
    ),
    "suppressed": Scenario(profile=make_profile(suppressed=["global"])),
    "capped": Scenario(
        contacts=make_contacts(
            {"at": NOW - 3 * DAY_MS}, {"at": NOW - 2 * DAY_MS, "channel": "app"}, {"at": NOW - 60_000}
        )
    ),
    "no_consent_and_not_worth_it": Scenario(
        profile=make_profile(consents={"email": [0, NOW - DAY_MS]}),
        sections={"delivery_channels": small_policy()["delivery_channels"] | {"app": {"cost": 0, "threshold": 5}}},
    ),
    "models_silent": Scenario(
        answers={"next_purchase": Answer("", "cold", []), "lapse": Answer("la-3", "error", [])}, sections=_assumed()
    ),
    "recall": Scenario(
        features=[3, 1, 2, "recalled", 8, 61_000_000], contacts=make_contacts(*[{"at": NOW - 60_000}] * 3)
    ),
    "nothing_refused": Scenario(sections={"actions": small_policy()["actions"][:3]}),
    "by_night": Scenario(sections=_by_night()),
    "over_by_morning": Scenario(sections=_by_night("2017-07-14T06:00:00")),
    "erased_by_night": Scenario(sections=_by_night(), is_erased=True),
    "erased_conflict": Scenario(contacts=Contacts(offers=[make_offer()]), is_erased=True),
    "erased": Scenario(contacts=make_contacts(*[{"at": NOW - 60_000}] * 3), is_erased=True),
}


def play(scenario: Scenario) -> tuple[Policy, Decision, Verdict]:
    """Return the decision of a scenario, its verdict read back from the evidence."""
    policy = compiled(**scenario.sections)
    point = policy.points["checkout"]
    found = decide(
        policy,
        point,
        scenario.profile,
        scenario.contacts,
        scenario.features,
        scenario.answers,
        CALIBRATORS,
        Occasion(scenario.decision_id, "h-1234", NOW),
    )
    candidates = point.board.candidates
    chosen = candidates[found.chosen] if found.chosen >= 0 else None
    evidence = pack(found, lambda plaintext, decision_id: plaintext)
    verdict = unpack(evidence, None if scenario.is_erased else lambda sealed, decision_id: sealed)
    head = Decision(
        found.decision_id,
        "h-1234",
        point.name,
        "basket_completed",
        "b-77",
        NOW,
        NOW,
        NOW,
        3,
        17,
        policy.hash,
        found.source,
        chosen.action_id if chosen else None,
        chosen.treatment_id if chosen else None,
        chosen.channel_id if chosen else None,
        "act-1" if chosen else None,
        candidates[found.ghost].action_id if found.ghost >= 0 else None,
        found.reason,
        found.score_micro,
        found.selection_q,
        found.u,
        found.flags,
        evidence,
        bytes(32),
        chained(bytes(32), evidence),
    )
    return policy, head, verdict


def told(scenario: Scenario) -> str:
    """Return a scenario's decision in the words for all three readers, the auditor's last (it contains the agent's)."""
    policy, head, verdict = play(scenario)
    person, auditor = tell(policy, head, verdict, "person"), tell(policy, head, verdict, "auditor")
    assert auditor.startswith(tell(policy, head, verdict))
    return f"{person}\n---\n\n{auditor}"
