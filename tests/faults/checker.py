"""Judges what a deployment made of what it was fed, from its committed topics alone: the invariants of any fault.

Nothing here imports the engine. What ids, draws, chains and caps have to be is computed anew, from their definitions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

from tests.faults import checking_contacts, checking_decisions, checking_intake, checking_state
from tests.faults.case import DUPLICATE, FAILED, READINGS, Case, Flaws, evidence_of
from tests.faults.checking_models import check_models
from tests.faults.checking_rows import check_rows
from tests.faults.log import Log
from tests.faults.reckoning import Reckoning

CHECKS: Final[dict[str, Callable[[Log, Case], Flaws]]] = {
    "letters": checking_intake.check_letters,
    "intake": checking_intake.check_intake,
    "order": checking_intake.check_order,
    "clock": checking_intake.check_clock,
    "decisions": checking_decisions.check_decisions,
    "activations": checking_decisions.check_activations,
    "draws": checking_decisions.check_draws,
    "chain": checking_decisions.check_chain,
    "versions": checking_decisions.check_versions,
    "policies": checking_decisions.check_policies,
    "contacts": checking_contacts.check_contacts,
    "steps": checking_state.check_steps,
    "rewards": checking_state.check_rewards,
    "worth": checking_state.check_worth,
    "examples": checking_state.check_examples,
    "changelog": checking_state.check_changelog,
}
WHOLE: Final[dict[str, Callable[..., Flaws]]] = {  # these follow every person through all that happened
    "reckoning": Reckoning.flaws,
    "rows": check_rows,
    "models": check_models,
}


def flaws(log: Log, case: Case, only: str = "") -> list[str]:
    """Return everything that is wrong, a sentence each; nothing = all invariants hold. only: of the check so called."""
    if only in CHECKS:
        return [f"{only}: {flaw}" for flaw in _followed(partial(CHECKS[only], log, case))]
    shards = sorted(set(case.homes.values()))
    reckonings = {shard: Reckoning(log, case, shard) for shard in shards}
    parts: list[tuple[str, Callable[[], Flaws]]] = [(name, partial(check, log, case)) for name, check in CHECKS.items()]
    parts += [("reckoning", one.flaws) for one in reckonings.values()]
    parts += [("rows", partial(check_rows, log, shard, one)) for shard, one in reckonings.items()]
    parts += [("models", partial(check_models, log, case, list(reckonings.values())))]
    return [f"{name}: {flaw}" for name, check in parts for flaw in _followed(check)]


def _followed(check: Callable[[], Flaws]) -> Flaws:
    """Yield what a check finds; that it cannot go on is a flaw too: nothing in a log is too strange to be told."""
    try:
        yield from check()
    except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        yield f"cannot be followed: {type(error).__name__}: {error}"


def mechanisms(log: Log, case: Case) -> Counter[str]:
    """Count how often each mechanism was seen at work."""
    seen: Counter[str] = Counter()
    seen["accepted"] = len(log.said["events"])
    seen["forwarded"] = len(log.said["routed-events"])
    seen["duplicates"] = sum(one.fate == DUPLICATE for one in case.fed)
    seen.update(f"dead letter {letter['cause']}" for letter in log.told("dead-letters"))
    for decision in log.told("decisions"):
        seen[f"source {decision['source']}"] += 1
        seen.update(f"reason {decision['reason']}" for _ in range(decision["reason"] is not None))
        seen.update(f"flag {flag}" for flag in decision["flags"])
        told = evidence_of(decision)
        seen.update(f"filter {name}" for name, refused in zip(case.filters, told[FAILED], strict=True) if refused)
        seen.update(f"answered {reading[0]}" for reading in told[READINGS] if reading[2] == "ok")
    seen.update(f"note {note['kind']}" for note in log.told("decision-notes"))
    seen.update(f"activation {one['delivery_channel']}" for one in log.told("activations"))
    seen.update(f"reward {one['status']}{' of worth' * bool(one['value_micro'])}" for one in log.told("rewards"))
    seen.update(f"example {one['model']}" for one in log.told("retraining"))
    seen.update(f"version {one['model']}" for one in log.told("models") if one["kind"] != "heartbeat")
    return seen
