"""Raw events from producers: Avro, or JSON where the first byte is `{`; the same record comes of both."""

from __future__ import annotations

import re
from typing import Annotated, Final

import msgspec

from agents.codecs.errors import Undecodable
from agents.codecs.framing import refused
from agents.codecs.generated.raw_event import decode_raw_event
from agents.codecs.varint import LONG_MAX
from streams.records import RawEvent

_Long = Annotated[int, msgspec.Meta(ge=-LONG_MAX - 1, le=LONG_MAX)]


class _JsonEvent(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    event_id: str
    profile_id: str
    type: str
    occurred_at: _Long
    source: str
    properties: dict[str, bool | _Long | float | str | None] = {}  # msgspec gives each event its own
    consent: dict[str, bool] | None = None
    traceparent: str | None = None


_JSON: Final = msgspec.json.Decoder(_JsonEvent)
_MARK: Final = b'"specversion"'
_CLOUD_EVENT: Final = "; a CloudEvent is told by a header, content-type: application/cloudevents+json"
_PLACE: Final = re.compile(r"(unknown )?field `([^`]*)`|`\$\.(\w+)")


def decode_raw(value: bytes | None) -> RawEvent:
    """Return the raw event that a value says; raises Undecodable with a cause of CAUSES or `invalid:<field>`."""
    if value is None or not value.startswith(b"{"):
        return decode_raw_event(value)
    try:
        event = _JSON.decode(value)
    except UnicodeDecodeError as error:
        raise refused("utf8", f"{error.reason} in a string of the JSON text") from None
    except msgspec.ValidationError as error:
        raise Undecodable(_cause_of(str(error)), f"{error}{_CLOUD_EVENT if _MARK in value else ''}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise refused("json", str(error)) from None
    return RawEvent(
        event.event_id,
        event.profile_id,
        event.type,
        event.occurred_at,
        event.source,
        event.properties,
        event.consent,
        event.traceparent,
    )


def _cause_of(message: str) -> str:
    """Name the field; not one that a producer made up, because causes are counted by name."""
    found = _PLACE.search(message)
    if found is None:
        return "undecodable:json"
    unknown, missing, mistyped = found.groups()
    return "invalid:unknown_field" if unknown else f"invalid:{missing or mistyped}"
