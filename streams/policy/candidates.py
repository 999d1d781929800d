"""Candidates: the actions of one decision point in each of their treatments, with the constants of their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streams.policy.catalogue import Action, Treatment
from streams.policy.channels import DeliveryChannel
from streams.policy.models import Model
from streams.policy.outcomes import OutcomeType
from streams.policy.quantities import PPM


@dataclass(frozen=True, slots=True)
class Candidate:
    """One action in one treatment: what it is, and the constants of its score."""

    index: int
    action_id: str
    treatment_id: str
    channel_id: str
    category: str
    intent: str
    line: str
    price: str
    group: str
    klass: str
    tier: int
    valid_to: int
    offer_days: int
    content: dict[str, str]
    category_at: int  # index of the category in the catalogue
    load: int  # index of its Load
    values: tuple[tuple[int, int], ...]  # (column of a propensity, V': value times incrementality, micro)
    redeemed_at: int  # column of the propensity that the offer is redeemed; -1 = it costs nothing
    offer_cost_micro: int
    fixed_cost_micro: int  # delivery channel and content
    lever_ppm: int
    threshold_micro: int
    priority: int


@dataclass(frozen=True, slots=True)
class Load:
    """What speaking on a delivery channel weighs."""

    channel_id: str
    with_shadows: bool  # shadow contacts weigh too: on promotions, for nothing else is ever held out
    kappa: int  # micro-units of money per unit of pressure, times 1,000 (pressure is in ppm, sums are divided by 10⁹)
    losses: tuple[tuple[int, int], ...]  # (column of a propensity to lose the contact, V')


@dataclass(frozen=True, slots=True)
class Seat:
    """One model of a decision point: where its answer goes."""

    model: Model
    column: int  # first of its propensities; -1 = it gives none
    width: int  # outputs expected


def seat_models(models: Sequence[Model], categories: int) -> list[Seat]:
    """Lay the propensities of the models side by side in one row of columns."""
    seats: list[Seat] = []
    column = 0
    for model in models:
        width = categories if model.by_category else 1
        if model.role != "outcome":
            seats.append(Seat(model, -1, width))
            continue
        seats.append(Seat(model, column, width))
        column += width
    return seats


def column_of(outcome: str, seats: Sequence[Seat], category_at: int) -> int:
    """Return the column that has the propensity of an outcome, for a category; -1 if no model gives it."""
    for seat in seats:
        if seat.model.outcome == outcome:
            return seat.column + (category_at if seat.model.by_category else 0)
    return -1


def find_loads(
    pairs: Sequence[tuple[Action, Treatment]],
    channels: Mapping[str, DeliveryChannel],
    outcomes: Mapping[str, OutcomeType],
    seats: Sequence[Seat],
) -> list[Load]:
    """Return one load for each delivery channel and class that occurs."""
    losing = [(column_of(o.name, seats, 0), o.beta_ppm) for o in outcomes.values() if o.loses_contact]
    return [
        Load(
            channel_id,
            is_promo,
            channels[channel_id].kappa_micro * 1_000,
            tuple((at, beta * channels[channel_id].contact_value_micro // PPM) for at, beta in losing if at >= 0),
        )
        for channel_id, is_promo in sorted({(t.channel, a.klass == "promo") for a, t in pairs})
    ]


def make_candidates(
    pairs: Sequence[tuple[Action, Treatment]],
    channels: Mapping[str, DeliveryChannel],
    outcomes: Mapping[str, OutcomeType],
    priorities: Mapping[str, int],
    categories: Sequence[str],
    seats: Sequence[Seat],
    loads: Sequence[Load],
) -> list[Candidate]:
    """Return the candidates; V' and all other constants of their scores are rounded here, once."""
    load_at = {(load.channel_id, load.with_shadows): index for index, load in enumerate(loads)}
    candidates: list[Candidate] = []
    for action, treatment in pairs:
        channel = channels[treatment.channel]
        category_at = categories.index(action.category)
        columns = {name: column_of(name, seats, category_at) for name in action.values_micro}
        candidates.append(
            Candidate(
                len(candidates),
                action.id,
                treatment.id,
                channel.id,
                action.category,
                action.intent,
                action.line,
                action.price,
                action.group,
                action.klass,
                action.tier,
                action.valid_to,
                action.offer_days,
                treatment.content,
                category_at,
                load_at[channel.id, action.klass == "promo"],
                tuple((columns[name], outcomes[name].beta_ppm * v // PPM) for name, v in action.values_micro.items()),
                columns[action.redeemed_by] if action.redeemed_by else -1,
                action.offer_cost_micro,
                channel.cost_micro + treatment.content_cost_micro,
                action.lever_ppm,
                channel.threshold_micro,
                priorities[action.category],
            )
        )
    return candidates
