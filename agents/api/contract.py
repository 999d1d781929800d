"""What clients say over HTTP, and what they are told: what the API's document describes."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from agents.codecs.varint import LONG_MAX
from streams.ingest import INSTANT_MAX, NAME_MAX

EVENTS_MAX: Final = 1_000  # of one request: the client that has more sends more requests
BODY_BYTES_MAX: Final = 4 << 20
DEADLINE_MS_MAX: Final = 5_000  # a person who waits longer is gone
PRINTABLE: Final = "^[!-~]+$"  # of an idempotency key: ASCII without spaces

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_MAX)]
Number = Annotated[int, msgspec.Meta(ge=-LONG_MAX - 1, le=LONG_MAX)]
Fraction = Annotated[float, msgspec.Meta(ge=-(2.0**63), le=2.0**63)]
Instant = Annotated[int, msgspec.Meta(ge=1, lt=INSTANT_MAX)] | Annotated[float, msgspec.Meta(ge=1, lt=INSTANT_MAX)]


class EventTold(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A fact as a client tells it: what it leaves out, the request says."""

    profile_id: Name
    type: str
    properties: dict[str, bool | Number | Fraction | str | None] = {}
    event_id: Name | None = None
    source: Name | None = None
    occurred_at: Instant | None = None
    consent: dict[Name, bool] | None = None
    traceparent: Name | None = None


class Accepted(msgspec.Struct, frozen=True):
    """The answer to `POST /events`: all of it is in Kafka."""

    accepted: int
    event_ids: list[str]


class Choice(msgspec.Struct, frozen=True):
    """What was decided at one decision point, or the default declared for it."""

    decision_point: str
    decision_id: str
    status: str  # decided | default
    action: str | None
    treatment: str | None
    delivery_channel: str | None
    activation_id: str | None
    reason: str | None


class Decided(msgspec.Struct, frozen=True):
    """The answer to `POST /decide`."""

    event_id: str
    choices: list[Choice]
