"""Delivery channels: what it costs to speak there, in money and in patience, and when it may be done."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from streams.policy.providers import Provider, read_provider
from streams.policy.quantities import PPM, SECOND_MS, UNITS_MS
from streams.policy.reading import MONEY_MAX, Node, Record

HOUR_S: Final = 3_600
YEAR_S: Final = 365 * 24 * HOUR_S
WEIGHT_PPM_MAX: Final = 100 * PPM
QUARTER: Final = 15  # minutes: clocks change by whole quarters, so quiet hours that begin and end with one are exact
DAY: Final = 24 * 60

_TIME: Final = re.compile(r"([01]\d|2[0-3]):(00|15|30|45)")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """The hours of a person's local day in which a delivery channel is silent: [begins, ends), over midnight too."""

    begins: int  # minutes after midnight
    ends: int
    jitter_ms: int  # what waited for the end is spread over so long
    bypassable: bool  # what is urgent (tier 0) does not wait

    def covers(self, minute: int) -> bool:
        """Tell whether a minute of the local day is quiet."""
        if self.begins < self.ends:
            return self.begins <= minute < self.ends
        return minute >= self.begins or minute < self.ends


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
    quiet: QuietHours | None
    send_time: str  # model that proposes when promotions are released; "" = none
    owner: str = ""  # who answers for it


def read_channels(node: Node, timers: Collection[str]) -> dict[str, DeliveryChannel]:
    """Read the `delivery_channels` section; timers: the models that propose moments."""
    channels: dict[str, DeliveryChannel] = {}
    optional = (
        "threshold", "contact_value", "kappa", "weight", "consent", "delay_s", "lease_s", "deliver", "quiet_hours",
        "send_time", "owner",
    )  # fmt: skip
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
            _quiet_hours(record.fields["quiet_hours"]) if record.has("quiet_hours") else None,
            record.one_of("send_time", "model with role: send_time", timers),
            record.text("owner"),
        )
    return channels


def _quiet_hours(node: Node) -> QuietHours | None:
    record = node.record("quiet hours", ("from", "to"), ("jitter", "bypassable"))
    begins, ends = _minute(record, "from"), _minute(record, "to")
    if begins is None or ends is None:
        return None
    if begins == ends:
        record.wrong("to", "quiet hours that end when they begin are none, or never end: expected another time")
    jitter_ms = record.duration_ms("jitter")
    if jitter_ms > (begins - ends) % DAY * UNITS_MS["m"]:
        record.wrong("jitter", "expected less than there is between the end of quiet hours and their next beginning")
    return QuietHours(begins, ends, jitter_ms, record.flag("bypassable"))


def _minute(record: Record, field: str) -> int | None:
    """Read a time of day; YAML reads 21:00 without quotes as a number of minutes."""
    if not record.has(field):
        return None
    told = record.fields[field].value
    if isinstance(told, int) and not isinstance(told, bool) and 0 <= told < DAY and told % QUARTER == 0:
        return told
    match = _TIME.fullmatch(told) if isinstance(told, str) else None
    if match is None:
        record.wrong(field, f'expected a time of day on a quarter of an hour such as "21:30", got {told!r}')
        return None
    return int(match[1]) * 60 + int(match[2])
