"""CloudEvents on `raw-events`, as their Kafka binding has them: the same raw event comes of both modes.

Structured: a header `content-type` says `application/cloudevents+json`, and the value is the whole event. Binary: each
attribute is a header `ce_<attribute>`, and the value is the data alone.

`id` is the event's id, `subject` the person, `time` when it happened, `data` its properties. Two extensions mean
something to us: `traceparent`, and `consent` (`email=true,sms=false`). All other ones, which whoever passed the event
on may have added, are left out.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec

from agents.codecs.errors import Undecodable
from agents.codecs.framing import refused
from agents.codecs.varint import LONG_MAX
from streams.records import RawEvent, Value

CONTENT_TYPE: Final = "content-type"
FORMAT: Final = "application/cloudevents"  # what all content types of structured events begin with
STRUCTURED: Final = f"{FORMAT}+json"
PREFIX: Final = "ce_"
MARK: Final = f"{PREFIX}specversion"  # without it, headers are no CloudEvent's
ATTRIBUTES: Final = frozenset({
    "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "traceparent", "consent", "data",
    "data_base64",
})  # fmt: skip

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_JSON_TYPE: Final = re.compile(r"(application|text)/([a-z0-9.+-]+\+)?json", re.IGNORECASE)
_CONSENT: Final = re.compile(r"\s*([^=,\s]+)\s*=\s*(true|false)\s*")
_PLACE: Final = re.compile(r"missing required field `([^`]*)`|`\$\.(\w+)")

_Long = Annotated[int, msgspec.Meta(ge=-LONG_MAX - 1, le=LONG_MAX)]
_Properties = dict[str, bool | _Long | float | str | None]
_Headers = Iterable[tuple[str, bytes | None]]


class _Attributes(msgspec.Struct, gc=False):
    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    datacontenttype: str | None = None
    traceparent: str | None = None
    consent: str | None = None


class _Structured(_Attributes, gc=False):
    data: _Properties | None = None
    data_base64: str | None = None


_STRUCTURED: Final = msgspec.json.Decoder(_Structured)
_DATA: Final = msgspec.json.Decoder(_Properties | None)


def decode_cloud_event(value: bytes | None, headers: _Headers) -> RawEvent | None:
    """Return the raw event that a record says as a CloudEvent; None if its headers do not say that it is one.

    Raises Undecodable with a cause of CAUSES or `invalid:<attribute>`.
    """
    told = {name.lower(): text for name, text in headers}
    kind = bytes(told.get(CONTENT_TYPE) or b"").decode("utf-8", "replace").partition(";")[0].strip().lower()
    if kind.startswith(FORMAT):
        return _structured(value, kind)
    return _binary(value, told) if MARK in told else None


def _structured(value: bytes | None, kind: str) -> RawEvent:
    if kind != STRUCTURED:
        raise Undecodable("invalid:content-type", f"expected one event as {STRUCTURED}, came {kind}")
    if value is None:
        raise refused("tombstone")
    event = _read(_STRUCTURED, value, "data")
    _check_type(event.datacontenttype)
    if event.data_base64 is None:
        return _event(event, event.data)
    if event.data is not None:
        raise Undecodable("invalid:data_base64", "expected either data or data_base64, came both")
    try:
        data = base64.b64decode(event.data_base64, validate=True)
    except ValueError as error:
        raise Undecodable("invalid:data_base64", f"expected data in Base64: {error}") from None
    return _event(event, _read(_DATA, data, "data_base64"))


def _binary(value: bytes | None, told: dict[str, bytes | None]) -> RawEvent:
    attributes = {
        name.removeprefix(PREFIX): _text(name, text or b"") for name, text in told.items() if name.startswith(PREFIX)
    }
    if CONTENT_TYPE in told:
        attributes["datacontenttype"] = _text(CONTENT_TYPE, told[CONTENT_TYPE] or b"")
    try:
        event = msgspec.convert(attributes, _Attributes)
    except msgspec.ValidationError as error:
        raise _invalid(error, "headers") from None
    _check_type(event.datacontenttype)
    return _event(event, _read(_DATA, value, "data") if value else None)


def _event(told: _Attributes, data: _Properties | None) -> RawEvent:
    properties: dict[str, Value] = dict(data) if data else {}
    return RawEvent(
        told.id,
        told.subject,
        told.type,
        (told.time - _EPOCH) // _MILLISECOND,
        told.source,
        properties,
        _consent(told.consent),
        told.traceparent,
    )


def _consent(text: str | None) -> dict[str, bool] | None:
    if text is None:
        return None
    said = [_CONSENT.fullmatch(one) for one in text.split(",")]
    if not all(said):
        raise Undecodable("invalid:consent", f"expected scopes as in `email=true,sms=false`, came {text[:100]!r}")
    return {one[1]: one[2] == "true" for one in said if one is not None}


def _check_type(told: str | None) -> None:
    kind = "application/json" if told is None else told.partition(";")[0].strip()
    if not _JSON_TYPE.fullmatch(kind):
        raise Undecodable("invalid:datacontenttype", f"expected data in application/json, came {kind[:100]!r}")


def _text(name: str, value: bytes) -> str:
    try:
        return bytes(value).decode()
    except UnicodeDecodeError as error:
        raise refused("utf8", f"{error.reason} in the header {name[:100]!r}") from None


def _read(decoder: msgspec.json.Decoder[Any], value: bytes, place: str) -> Any:
    try:
        return decoder.decode(value)
    except UnicodeDecodeError as error:
        raise refused("utf8", f"{error.reason} in a string of the JSON text") from None
    except msgspec.ValidationError as error:
        raise _invalid(error, place) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise refused("json", str(error)) from None


def _invalid(error: msgspec.ValidationError, place: str) -> Undecodable:
    """Name the attribute; not one that a producer made up, because causes are counted by name."""
    found = _PLACE.search(str(error))
    named = (found[1] or found[2]) if found else place
    cause = named if named in ATTRIBUTES else place
    return Undecodable(f"invalid:{cause}", f"{error} (of a CloudEvent)")
