"""Lint: what is a policy, and will not do what its author means.

Theory of operation.  A bundle that compiles has no mistakes; what is found here are doubts, each with the place where
it stands.  Every doubt is certain: what is called unreachable cannot be reached, whatever a person's row says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from streams.policy.bounds import can_hold
from streams.policy.candidates import Candidate
from streams.policy.catalogue import ENGAGEMENT, LEVER_PPM_MAX, Action
from streams.policy.compile import Policy
from streams.policy.contact import ContactRule
from streams.policy.expression import parse
from streams.policy.problems import Problem
from streams.policy.quantities import PPM

CONTEXT_PPM_MAX: Final = 2 * PPM
META_PPM_MAX: Final = 1_300_000
FLOOR_PPM: Final = 1_000  # a candidate is not drawn with less


def lint(policy: Policy, bundle: Mapping[str, Any], now: int) -> list[Problem]:
    """Return every doubt about a bundle and the policy that it compiles to; `now`: epoch ms."""
    return [
        *_actions(policy, now),
        *_contact(policy),
        *_conflicts(policy, bundle),
        *_exploration(policy),
        *_unused(policy, bundle),
    ]


def _actions(policy: Policy, now: int) -> Iterator[Problem]:
    """Find actions that nobody can get."""
    for index, action in enumerate(policy.actions):
        path = ("actions", index)
        if action.valid_to <= now:
            ended = datetime.fromtimestamp(action.valid_to / 1000, UTC).isoformat()
            yield Problem((*path, "valid_to"), f"{action.id} ended at {ended}: it is never chosen again")
        if not can_hold(term for terms in action.terms for term in terms):
            told = [name for name, text in zip(ENGAGEMENT, action.conditions, strict=True) if text]
            message = f"nobody can fulfil the conditions of {action.id} ({', '.join(told)}): they contradict each other"
            yield Problem((*path, told[-1]), message)
        candidates = [
            one for point in policy.points.values() for one in point.board.candidates if one.action_id == action.id
        ]
        if candidates and not any(map(_can_win, candidates)):
            message = f"{action.id} never scores above its delivery channels' thresholds, however likely its outcomes"
            yield Problem((*path, "value"), message)
        capped = any(rule.scope == "action" for rule in policy.contact)  # then one may be had when the other rests
        rival = next((one for one in policy.actions if not capped and _dominates(one, action)), None)
        if rival is not None:
            yield Problem(path, f"{action.id} is never better than {rival.id}, which whoever may get it may get too")


def _can_win(candidate: Candidate) -> bool:
    """Tell whether a score above the threshold exists: every outcome certain, every factor at its best."""
    net = sum(max(value, 0) for _, value in candidate.values) - candidate.fixed_cost_micro
    lever = candidate.lever_ppm * META_PPM_MAX // PPM
    factor = CONTEXT_PPM_MAX * lever // PPM
    return (net * factor // PPM if net >= 0 else net * PPM // factor) > candidate.threshold_micro


def _dominates(one: Action, other: Action) -> bool:
    """Tell whether the first is at least as good wherever the second may be chosen, and better somewhere."""
    if one is other or (one.category, one.intent, one.line, one.price, one.group, one.tier, one.klass) != (
        other.category, other.intent, other.line, other.price, other.group, other.tier, other.klass
    ):  # fmt: skip
        return False
    wider = all(set(mine) <= set(theirs) for mine, theirs in zip(one.terms, other.terms, strict=True))
    longer = one.valid_from <= other.valid_from and one.valid_to >= other.valid_to
    cheaper = {treatment.channel: treatment.content_cost_micro for treatment in one.treatments}
    reaches = all(
        cheaper.get(treatment.channel, treatment.content_cost_micro + 1) <= treatment.content_cost_micro
        for treatment in other.treatments
    )
    worth = one.values_micro.keys() == other.values_micro.keys() and all(
        one.values_micro[name] >= value for name, value in other.values_micro.items()
    )
    lasts = one.lever_ppm == other.lever_ppm <= LEVER_PPM_MAX and one.offer_cost_micro <= other.offer_cost_micro
    better = one.values_micro != other.values_micro or one.offer_cost_micro < other.offer_cost_micro
    return wider and longer and reaches and worth and lasts and better and set(other.points) <= set(one.points)


def _contact(policy: Policy) -> Iterator[Problem]:
    """Find contact rules that never bind because a stricter one does first, and those that block everything."""
    for index, rule in enumerate(policy.contact):
        if not rule.limit and rule.scope == "global":
            yield Problem(("contact", index, "limit"), f"{rule.id} has a limit of 0: it blocks everybody for good")
        stricter = next((one for one in policy.contact if _implies(one, rule)), None)
        if stricter is not None:
            yield Problem(("contact", index), f"{rule.id} never binds: {stricter.id} is at least as strict")


def _implies(one: ContactRule, other: ContactRule) -> bool:
    if one is other or (one.scope, one.klass, one.calendar) != (other.scope, other.klass, other.calendar):
        return False
    covers = one.value == other.value or (one.value == "*" and one.scope != "global")
    binds = set(one.exempt) <= set(other.exempt)
    strict = one.limit <= other.limit and one.rolling_ms >= other.rolling_ms
    differs = (one.limit, one.rolling_ms, one.value) != (other.limit, other.rolling_ms, other.value)
    return covers and binds and strict and (differs or one.id < other.id)


def _conflicts(policy: Policy, bundle: Mapping[str, Any]) -> Iterator[Problem]:
    """Find pairs of intents of which no action has one."""
    used = {action.intent for action in policy.actions}
    for kind in ("intents", "intents_on_one_line"):
        for index, pair in enumerate((bundle.get("conflicts") or {}).get(kind, ())):
            for intent in pair:
                if intent not in used:
                    yield Problem(("conflicts", kind, index), f"no action has the intent {intent}")


def _exploration(policy: Policy) -> Iterator[Problem]:
    told = policy.exploration
    if told.epsilon_ppm and not told.delta_micro:
        yield Problem(("exploration", "delta"), "a delta of 0 explores between equal scores only")
    if 0 < told.epsilon_ppm < 2 * FLOOR_PPM:
        message = f"an epsilon below {2 * FLOOR_PPM / PPM} never explores: two candidates need {FLOOR_PPM / PPM} each"
        yield Problem(("exploration", "epsilon"), message)


def _unused(policy: Policy, bundle: Mapping[str, Any]) -> Iterator[Problem]:
    """Find what is declared, computed or trained, and read by nothing."""
    asked = {model.name for point in policy.points.values() for model in point.models}
    for name in policy.models:
        if name not in asked:
            yield Problem(("models", name), f"no decision point asks {name}")
    used = {treatment.channel for action in policy.actions for treatment in action.treatments}
    for name in policy.channels:
        if name not in used:
            yield Problem(("delivery_channels", name), f"no treatment goes out by {name}")
    valued = {name for action in policy.actions for name in action.values_micro}
    predicted = {model.outcome for model in policy.models.values()}
    for name, outcome in policy.outcomes.items():
        if name not in valued | predicted and not outcome.cool_down_ms:
            yield Problem(("outcomes", name), f"nothing is valued by {name}, and no model predicts it")
    columns = {column for model in policy.models.values() for column in model.input_at} | _read(policy, bundle)
    names = {policy.features.names[column].partition(".")[0] for column in columns}
    for name in bundle["features"]:
        if name not in names and any(one.partition(".")[0] == name for one in policy.features.names):
            yield Problem(("features", name), f"no model and no condition reads {name}")


def _read(policy: Policy, bundle: Mapping[str, Any]) -> set[int]:
    """Return the columns that conditions read."""
    terms = {term for action in policy.actions for stage in action.terms for term in stage}
    for context in bundle.get("contexts") or ():
        terms |= set(parse(context["when"], policy.features, context["category"]))
    for point in policy.points.values():
        terms |= set(parse(point.when, policy.features) if point.when else ())
    return {column for term in terms for column in term.uses}
