"""RoutedEvent, version 1: written by `python -m agents.codecs.generate`, never edited by hand."""

from __future__ import annotations

import struct

from agents.codecs.framing import refused, refused_boolean, refused_branch, refused_end, refused_header, refused_text
from agents.codecs.varint import (
    SHORT,
    SMALL,
    read_count,
    read_instant,
    read_int,
    read_long,
    read_span,
    write_int,
    write_long,
)
from streams.records import Origin, RawEvent, RoutedEvent

HEADER = b"\x00\x77\x35\x94\x03"  # id 2000000003
DOUBLE = struct.Struct("<d")


def decode_routed_event(buf: bytes | None) -> RoutedEvent:
    """Return the RoutedEvent that a framed value says; raises Undecodable."""
    if buf is None or not buf.startswith(HEADER):
        raise refused_header(buf, "routed_event")
    at = end = 5
    try:
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        event_event_id = buf[at:end].decode()
        at = end
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        event_profile_id = buf[at:end].decode()
        at = end
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        event_type = buf[at:end].decode()
        at = end
        event_occurred_at, at = read_instant(buf, at)
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        event_source = buf[at:end].decode()
        at = end
        event_properties: dict[str, bool | int | float | str | None] = {}
        while True:
            event_properties_count = buf[at]
            if event_properties_count & 129:
                event_properties_count, at = read_count(buf, at)
            else:
                at += 1
                event_properties_count >>= 1
            if not event_properties_count:
                break
            for _ in range(event_properties_count):
                n = buf[at]
                if n & 129:
                    at, end = read_span(buf, at)
                else:
                    at += 1
                    end = at + (n >> 1)
                event_properties_key = buf[at:end].decode()
                at = end
                n = buf[at]
                at += 1
                if n == 8:
                    n = buf[at]
                    if n & 129:
                        at, end = read_span(buf, at)
                    else:
                        at += 1
                        end = at + (n >> 1)
                    event_properties[event_properties_key] = buf[at:end].decode()
                    at = end
                elif n == 4:
                    n = buf[at]
                    if n < 128:
                        at += 1
                        n = SMALL[n]
                    else:
                        n, at = read_long(buf, at)
                    event_properties[event_properties_key] = n
                elif n == 6:
                    event_properties[event_properties_key] = DOUBLE.unpack_from(buf, at)[0]
                    at += 8
                elif n == 0:
                    event_properties[event_properties_key] = None
                elif n == 2:
                    n = buf[at]
                    if n > 1:
                        raise refused_boolean(n, at)
                    at += 1
                    event_properties[event_properties_key] = n == 1
                else:
                    raise refused_branch(n, at)
        event_consent: dict[str, bool] | None
        n = buf[at]
        at += 1
        if n == 2:
            event_consent_some: dict[str, bool] = {}
            while True:
                event_consent_some_count = buf[at]
                if event_consent_some_count & 129:
                    event_consent_some_count, at = read_count(buf, at)
                else:
                    at += 1
                    event_consent_some_count >>= 1
                if not event_consent_some_count:
                    break
                for _ in range(event_consent_some_count):
                    n = buf[at]
                    if n & 129:
                        at, end = read_span(buf, at)
                    else:
                        at += 1
                        end = at + (n >> 1)
                    event_consent_some_key = buf[at:end].decode()
                    at = end
                    n = buf[at]
                    if n > 1:
                        raise refused_boolean(n, at)
                    at += 1
                    event_consent_some[event_consent_some_key] = n == 1
            event_consent = event_consent_some
        elif n == 0:
            event_consent = None
        else:
            raise refused_branch(n, at)
        event_traceparent: str | None
        n = buf[at]
        at += 1
        if n == 2:
            n = buf[at]
            if n & 129:
                at, end = read_span(buf, at)
            else:
                at += 1
                end = at + (n >> 1)
            event_traceparent = buf[at:end].decode()
            at = end
        elif n == 0:
            event_traceparent = None
        else:
            raise refused_branch(n, at)
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        origin_topic = buf[at:end].decode()
        at = end
        n = buf[at]
        if n < 128:
            at += 1
            n = SMALL[n]
        else:
            n, at = read_int(buf, at)
        origin_partition = n
        n = buf[at]
        if n < 128:
            at += 1
            n = SMALL[n]
        else:
            n, at = read_long(buf, at)
        origin_offset = n
        origin_timestamp, at = read_instant(buf, at)
        alias: str | None
        n = buf[at]
        at += 1
        if n == 2:
            n = buf[at]
            if n & 129:
                at, end = read_span(buf, at)
            else:
                at += 1
                end = at + (n >> 1)
            alias = buf[at:end].decode()
            at = end
        elif n == 0:
            alias = None
        else:
            raise refused_branch(n, at)
    except UnicodeDecodeError as error:
        raise refused_text(error, end, len(buf)) from None
    except (IndexError, struct.error):
        raise refused("truncated") from None
    if at != len(buf):
        raise refused_end(at, len(buf))
    return RoutedEvent(
        RawEvent(
            event_event_id,
            event_profile_id,
            event_type,
            event_occurred_at,
            event_source,
            event_properties,
            event_consent,
            event_traceparent,
        ),
        Origin(origin_topic, origin_partition, origin_offset, origin_timestamp),
        alias,
    )


def encode_routed_event(record: RoutedEvent) -> bytes:
    """Return the framed value that says a RoutedEvent; raises OverflowError at too many bits."""
    out = [HEADER]
    event = record.event
    raw = event.event_id.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = event.profile_id.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = event.type.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    out.append(write_long(event.occurred_at))
    raw = event.source.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    event_properties = event.properties
    n = len(event_properties)
    if n:
        out.append(SHORT[n] if n < 8192 else write_long(n))
        for event_properties_key, event_properties_item in event_properties.items():
            raw = event_properties_key.encode()
            n = len(raw)
            out.append(SHORT[n] if n < 8192 else write_long(n))
            out.append(raw)
            if isinstance(event_properties_item, str):
                out.append(b"\x08")
                raw = event_properties_item.encode()
                n = len(raw)
                out.append(SHORT[n] if n < 8192 else write_long(n))
                out.append(raw)
            elif event_properties_item is None:
                out.append(b"\x00")
            elif isinstance(event_properties_item, bool):
                out.append(b"\x02")
                out.append(b"\x01" if event_properties_item else b"\x00")
            elif isinstance(event_properties_item, int):
                out.append(b"\x04")
                n = event_properties_item
                out.append(SHORT[n] if 0 <= n < 8192 else write_long(n))
            else:
                out.append(b"\x06")
                out.append(DOUBLE.pack(event_properties_item))
    out.append(b"\x00")
    event_consent = event.consent
    if event_consent is None:
        out.append(b"\x00")
    else:
        out.append(b"\x02")
        n = len(event_consent)
        if n:
            out.append(SHORT[n] if n < 8192 else write_long(n))
            for event_consent_key, event_consent_item in event_consent.items():
                raw = event_consent_key.encode()
                n = len(raw)
                out.append(SHORT[n] if n < 8192 else write_long(n))
                out.append(raw)
                out.append(b"\x01" if event_consent_item else b"\x00")
        out.append(b"\x00")
    event_traceparent = event.traceparent
    if event_traceparent is None:
        out.append(b"\x00")
    else:
        out.append(b"\x02")
        raw = event_traceparent.encode()
        n = len(raw)
        out.append(SHORT[n] if n < 8192 else write_long(n))
        out.append(raw)
    origin = record.origin
    raw = origin.topic.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    n = origin.partition
    out.append(SHORT[n] if 0 <= n < 8192 else write_int(n))
    n = origin.offset
    out.append(SHORT[n] if 0 <= n < 8192 else write_long(n))
    out.append(write_long(origin.timestamp))
    alias = record.alias
    if alias is None:
        out.append(b"\x00")
    else:
        out.append(b"\x02")
        raw = alias.encode()
        n = len(raw)
        out.append(SHORT[n] if n < 8192 else write_long(n))
        out.append(raw)
    return b"".join(out)
