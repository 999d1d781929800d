"""Delivery channels: what it costs to speak there, in money and in patience."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from streams.policy.providers import Provider, read_provider
from streams.policy.quantities import PPM, SECOND_MS
from streams.policy.reading import MONEY_MAX, Node

HOUR_S: Final = 3_600
YEAR_S: Final = 365 * 24 * HOUR_S
WEIGHT_PPM_MAX: Final = 100 * PPM


@dataclass(frozen=True, slots=True)
class DeliveryChannel:
    """One way to reach a person."""

    id: str
    cost_micro: int  # of one contact
    threshold_micro: int  # act only above this score
    contact_value_micro: int  # what it is worth to be allowed to speak here
    kappa_micro: int  # price of one unit of pressure
    weight_ppm: int  # pressure of one contact
    consent: str  # scope that must be granted; "" = none
    delay_ms: int  # from release to delivery
    lease_ms: int  # how long a contact in flight counts without being heard of
    provider: Provider  # who carries it out


def read_channels(node: Node) -> dict[str, DeliveryChannel]:
    """Read the `delivery_channels` section."""
    channels: dict[str, DeliveryChannel] = {}
    optional = ("threshold", "contact_value", "kappa", "weight", "consent", "delay_s", "lease_s", "deliver")
    for name, entry in node.entries("delivery channels"):
        record = entry.record("delivery channel", ("cost",), optional)
        delay_s = record.whole("delay_s", 0, 0, YEAR_S)
        lease_s = record.whole("lease_s", max(2 * delay_s, HOUR_S), 1, YEAR_S)
        if lease_s < delay_s:
            record.wrong(
                "lease_s", f"expected at least the delay of {delay_s} s: the lease would end before the delivery"
            )
        channels[name] = DeliveryChannel(
            name,
            record.money("cost"),
            record.money("threshold", low=-MONEY_MAX),
            record.money("contact_value"),
            record.money("kappa"),
            record.ppm("weight", 0, 0, WEIGHT_PPM_MAX),
            record.text("consent"),
            delay_s * SECOND_MS,
            lease_s * SECOND_MS,
            read_provider(record.fields["deliver"]) if record.has("deliver") else Provider(),
        )
    return channels
