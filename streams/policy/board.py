"""The board: what a policy offers at one decision point, compiled so that a candidate is a bit.

Theory of operation.  A candidate is an action in one treatment.  A filter of a decision is the set of candidates that
it refuses, as a bitset.  So every question that the policy asks becomes a table from what a person's row says (a
scope, a price, a delivery channel) to a set; a decision is a few look-ups and unions, and its record one bitset per
filter.  A board is compiled once per policy and decision point, and never changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from streams.policy.bitsets import group, where
from streams.policy.candidates import find_loads, make_candidates, seat_models
from streams.policy.catalogue import ENGAGEMENT, Action, Context, Treatment
from streams.policy.channels import DeliveryChannel
from streams.policy.conflicts import Conflicts, Pairs
from streams.policy.contact import CLASSES, ContactRule
from streams.policy.expression import Refused, Term, compile_refused
from streams.policy.features import Features
from streams.policy.models import Model
from streams.policy.outcomes import OutcomeType
from streams.policy.timing import make_timings
from streams.policy.windows import make_windows

CONTACT: Final = "contact:"  # before a rule's id, in the name of its filter
BEFORE_CONTACT: Final = ("consent", "suppression", *ENGAGEMENT, "validity", "conflict")
AFTER_CONTACT: Final = ("cooldown", "release", "model_missing")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All that boards are compiled from."""

    actions: tuple[Action, ...]
    channels: dict[str, DeliveryChannel]
    priorities: dict[str, int]
    contact: tuple[ContactRule, ...]
    conflicts: Conflicts
    contexts: tuple[Context, ...]
    outcomes: dict[str, OutcomeType]
    features: Features


class Board:
    """One decision point, compiled."""

    def __init__(self, point: str, told: Catalogue, models: Sequence[Model]) -> None:
        pairs = [
            (action, treatment) for action in told.actions if point in action.points for treatment in action.treatments
        ]
        self.size: Final = len(pairs)
        self.width: Final = (self.size + 7) // 8  # bytes of a bitset
        self.everyone: Final = (1 << self.size) - 1
        categories = told.features.categories
        self.seats: Final = seat_models(models, len(categories))
        self.loads: Final = find_loads(pairs, told.channels, told.outcomes, self.seats)
        self.candidates: Final = make_candidates(
            pairs, told.channels, told.outcomes, told.priorities, categories, self.seats, self.loads
        )
        self.urgent: Final = where(candidate.tier == 0 for candidate in self.candidates)
        self.refused_without: Final = [_needing(model, pairs, told.channels) for model in models]
        self.assumed: Final = [
            f"assumed_increment:{model.outcome}"
            for model in models
            if model.outcome and told.outcomes[model.outcome].is_beta_assumed
        ]

        # scopes: of consent, suppression, cool-down, contact
        candidates = self.candidates
        classes = group(c.klass for c in candidates)
        self.promotions: Final = classes.get("promo", 0)
        tables = {
            "global": {"*": self.everyone},
            "channel": group(c.channel_id for c in candidates),
            "category": group(c.category for c in candidates),
            "intent": group(c.intent for c in candidates),
            "action": group(c.action_id for c in candidates),
        }
        self.by_scope: Final = {
            "global" if scope == "global" else f"{scope}:{value}": mask
            for scope, table in tables.items()
            for value, mask in table.items()
        }
        consents = group(told.channels[c.channel_id].consent for c in candidates)
        self.consents: Final = [scope for scope in consents if scope]
        self.consent_masks: Final = [consents[scope] for scope in self.consents]
        self.windows: Final = make_windows(told.contact, tables, {k: classes[k] for k in CLASSES if k in classes})
        self.filters: Final = (*BEFORE_CONTACT, *[CONTACT + window.rule for window in self.windows], *AFTER_CONTACT)

        # validity: sorted instants, and the candidates refused between two of them
        self.instants: Final = sorted(
            {instant for action, _ in pairs for instant in (action.valid_from, action.valid_to)}
        )
        self.invalid: Final = [
            where(not action.valid_from <= instant < action.valid_to for action, _ in pairs)
            for instant in [-1, *self.instants]
        ]

        # what may be released later than now
        self.timings: Final = make_timings(candidates, told.channels, self.seats)
        self.timing_of: Final = [
            next((place for place, timing in enumerate(self.timings) if timing.candidates >> index & 1), -1)
            for index in range(self.size)
        ]

        # conflicts with what is on offer
        self.by_group: Final = group(c.group for c in candidates)
        self.by_line: Final = {line: mask for line, mask in group(c.line for c in candidates).items() if line}
        self.by_price: Final = group(c.price for c in candidates)
        self.by_rival: Final = _by_rival(told.conflicts.intents, tables["intent"])
        self.by_rival_on_line: Final = _by_rival(told.conflicts.intents_on_one_line, tables["intent"])
        self.cool_off_ms: Final = told.conflicts.cool_off_ms

        # conditions: stage s of candidate i is bit s * size + i; the contexts come after the stages
        self.context_category: Final = [categories.index(context.category) for context in told.contexts]
        self.context_ppm: Final = [context.ppm for context in told.contexts]
        self.category_count: Final = len(categories)
        self.unmet: Final = _unmet(pairs, told, self.size)


def _needing(model: Model, pairs: list[tuple[Action, Treatment]], channels: dict[str, DeliveryChannel]) -> int:
    """Return the candidates that cannot do without a model's answer."""

    def needs(action: Action, treatment: Treatment) -> bool:
        if model.role == "send_time":
            return action.klass == "promo" and channels[treatment.channel].send_time == model.name
        return model.role == "meta" or model.outcome in action.values_micro

    return where(model.required and needs(*pair) for pair in pairs)


def _by_rival(pairs: Pairs, by_intent: dict[str, int]) -> dict[str, int]:
    """Return, for each intent on offer, the candidates that it excludes."""
    found: dict[str, int] = {}
    for candidate, offered in sorted(pairs):
        if candidate in by_intent:
            found[offered] = found.get(offered, 0) | by_intent[candidate]
    return found


def _unmet(pairs: list[tuple[Action, Treatment]], told: Catalogue, size: int) -> Refused:
    masks: dict[Term, int] = {}
    for index, (action, _) in enumerate(pairs):
        for stage, terms in enumerate(action.terms):
            for term in terms:
                masks[term] = masks.get(term, 0) | 1 << (stage * size + index)
    for index, context in enumerate(told.contexts):
        for term in context.terms:
            masks[term] = masks.get(term, 0) | 1 << (len(ENGAGEMENT) * size + index)
    return compile_refused(masks)
