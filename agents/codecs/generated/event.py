"""Event, version 1: written by `python -m agents.codecs.generate`, never edited by hand."""

from __future__ import annotations

import struct

from agents.codecs.framing import refused, refused_boolean, refused_branch, refused_end, refused_header, refused_text
from agents.codecs.varint import SHORT, SMALL, read_count, read_instant, read_long, read_span, write_long
from streams.records import Event

HEADER = b"\x00\x77\x35\x94\x02"  # id 2000000002
DOUBLE = struct.Struct("<d")


def decode_event(buf: bytes | None) -> Event:
    """Return the Event that a framed value says; raises Undecodable."""
    if buf is None or not buf.startswith(HEADER):
        raise refused_header(buf, "event")
    at = end = 5
    try:
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        event_id = buf[at:end].decode()
        at = end
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        profile_id = buf[at:end].decode()
        at = end
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        type_ = buf[at:end].decode()
        at = end
        occurred_at, at = read_instant(buf, at)
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        source = buf[at:end].decode()
        at = end
        properties: dict[str, bool | int | float | str | None] = {}
        while True:
            properties_count = buf[at]
            if properties_count & 129:
                properties_count, at = read_count(buf, at)
            else:
                at += 1
                properties_count >>= 1
            if not properties_count:
                break
            for _ in range(properties_count):
                n = buf[at]
                if n & 129:
                    at, end = read_span(buf, at)
                else:
                    at += 1
                    end = at + (n >> 1)
                properties_key = buf[at:end].decode()
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
                    properties[properties_key] = buf[at:end].decode()
                    at = end
                elif n == 4:
                    n = buf[at]
                    if n < 128:
                        at += 1
                        n = SMALL[n]
                    else:
                        n, at = read_long(buf, at)
                    properties[properties_key] = n
                elif n == 6:
                    properties[properties_key] = DOUBLE.unpack_from(buf, at)[0]
                    at += 8
                elif n == 0:
                    properties[properties_key] = None
                elif n == 2:
                    n = buf[at]
                    if n > 1:
                        raise refused_boolean(n, at)
                    at += 1
                    properties[properties_key] = n == 1
                else:
                    raise refused_branch(n, at)
        consent: dict[str, bool] | None
        n = buf[at]
        at += 1
        if n == 2:
            consent_some: dict[str, bool] = {}
            while True:
                consent_some_count = buf[at]
                if consent_some_count & 129:
                    consent_some_count, at = read_count(buf, at)
                else:
                    at += 1
                    consent_some_count >>= 1
                if not consent_some_count:
                    break
                for _ in range(consent_some_count):
                    n = buf[at]
                    if n & 129:
                        at, end = read_span(buf, at)
                    else:
                        at += 1
                        end = at + (n >> 1)
                    consent_some_key = buf[at:end].decode()
                    at = end
                    n = buf[at]
                    if n > 1:
                        raise refused_boolean(n, at)
                    at += 1
                    consent_some[consent_some_key] = n == 1
            consent = consent_some
        elif n == 0:
            consent = None
        else:
            raise refused_branch(n, at)
        traceparent: str | None
        n = buf[at]
        at += 1
        if n == 2:
            n = buf[at]
            if n & 129:
                at, end = read_span(buf, at)
            else:
                at += 1
                end = at + (n >> 1)
            traceparent = buf[at:end].decode()
            at = end
        elif n == 0:
            traceparent = None
        else:
            raise refused_branch(n, at)
        accepted_at, at = read_instant(buf, at)
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
    return Event(event_id, profile_id, type_, occurred_at, source, properties, consent, traceparent, accepted_at, alias)


def encode_event(record: Event) -> bytes:
    """Return the framed value that says a Event; raises OverflowError at too many bits."""
    out = [HEADER]
    raw = record.event_id.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.profile_id.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.type.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    out.append(write_long(record.occurred_at))
    raw = record.source.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    properties = record.properties
    n = len(properties)
    if n:
        out.append(SHORT[n] if n < 8192 else write_long(n))
        for properties_key, properties_item in properties.items():
            raw = properties_key.encode()
            n = len(raw)
            out.append(SHORT[n] if n < 8192 else write_long(n))
            out.append(raw)
            if isinstance(properties_item, str):
                out.append(b"\x08")
                raw = properties_item.encode()
                n = len(raw)
                out.append(SHORT[n] if n < 8192 else write_long(n))
                out.append(raw)
            elif properties_item is None:
                out.append(b"\x00")
            elif isinstance(properties_item, bool):
                out.append(b"\x02")
                out.append(b"\x01" if properties_item else b"\x00")
            elif isinstance(properties_item, int):
                out.append(b"\x04")
                n = properties_item
                out.append(SHORT[n] if 0 <= n < 8192 else write_long(n))
            else:
                out.append(b"\x06")
                out.append(DOUBLE.pack(properties_item))
    out.append(b"\x00")
    consent = record.consent
    if consent is None:
        out.append(b"\x00")
    else:
        out.append(b"\x02")
        n = len(consent)
        if n:
            out.append(SHORT[n] if n < 8192 else write_long(n))
            for consent_key, consent_item in consent.items():
                raw = consent_key.encode()
                n = len(raw)
                out.append(SHORT[n] if n < 8192 else write_long(n))
                out.append(raw)
                out.append(b"\x01" if consent_item else b"\x00")
        out.append(b"\x00")
    traceparent = record.traceparent
    if traceparent is None:
        out.append(b"\x00")
    else:
        out.append(b"\x02")
        raw = traceparent.encode()
        n = len(raw)
        out.append(SHORT[n] if n < 8192 else write_long(n))
        out.append(raw)
    out.append(write_long(record.accepted_at))
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
