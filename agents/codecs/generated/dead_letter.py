"""DeadLetter, version 1: written by `python -m agents.codecs.generate`, never edited by hand."""

from __future__ import annotations

from agents.codecs.framing import refused, refused_branch, refused_end, refused_header, refused_text
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
from streams.records import DeadLetter, Origin

HEADER = b"\x00\x77\x35\x94\x0d"  # id 2000000013


def decode_dead_letter(buf: bytes | None) -> DeadLetter:
    """Return the DeadLetter that a framed value says; raises Undecodable."""
    if buf is None or not buf.startswith(HEADER):
        raise refused_header(buf, "dead_letter")
    at = end = 5
    try:
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        cause = buf[at:end].decode()
        at = end
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        detail = buf[at:end].decode()
        at = end
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
        key: bytes | None
        n = buf[at]
        at += 1
        if n == 2:
            n = buf[at]
            if n & 129:
                at, end = read_span(buf, at)
            else:
                at += 1
                end = at + (n >> 1)
            key = buf[at:end]
            at = end
        elif n == 0:
            key = None
        else:
            raise refused_branch(n, at)
        value: bytes | None
        n = buf[at]
        at += 1
        if n == 2:
            n = buf[at]
            if n & 129:
                at, end = read_span(buf, at)
            else:
                at += 1
                end = at + (n >> 1)
            value = buf[at:end]
            at = end
        elif n == 0:
            value = None
        else:
            raise refused_branch(n, at)
        headers: list[tuple[str, bytes]] = []
        while True:
            headers_count = buf[at]
            if headers_count & 129:
                headers_count, at = read_count(buf, at)
            else:
                at += 1
                headers_count >>= 1
            if not headers_count:
                break
            for _ in range(headers_count):
                n = buf[at]
                if n & 129:
                    at, end = read_span(buf, at)
                else:
                    at += 1
                    end = at + (n >> 1)
                headers_name = buf[at:end].decode()
                at = end
                n = buf[at]
                if n & 129:
                    at, end = read_span(buf, at)
                else:
                    at += 1
                    end = at + (n >> 1)
                headers_value = buf[at:end]
                at = end
                headers.append((headers_name, headers_value))
        noted_at, at = read_instant(buf, at)
    except UnicodeDecodeError as error:
        raise refused_text(error, end, len(buf)) from None
    except IndexError:
        raise refused("truncated") from None
    if at != len(buf):
        raise refused_end(at, len(buf))
    return DeadLetter(
        cause,
        detail,
        Origin(origin_topic, origin_partition, origin_offset, origin_timestamp),
        key,
        value,
        headers,
        noted_at,
    )


def encode_dead_letter(record: DeadLetter) -> bytes:
    """Return the framed value that says a DeadLetter; raises OverflowError at too many bits."""
    out = [HEADER]
    raw = record.cause.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.detail.encode()
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
    key = record.key
    if key is None:
        out.append(b"\x00")
    else:
        out.append(b"\x02")
        raw = key
        n = len(raw)
        out.append(SHORT[n] if n < 8192 else write_long(n))
        out.append(raw)
    value = record.value
    if value is None:
        out.append(b"\x00")
    else:
        out.append(b"\x02")
        raw = value
        n = len(raw)
        out.append(SHORT[n] if n < 8192 else write_long(n))
        out.append(raw)
    headers = record.headers
    n = len(headers)
    if n:
        out.append(SHORT[n] if n < 8192 else write_long(n))
        for headers_item in headers:
            headers_item_name, headers_item_value = headers_item
            raw = headers_item_name.encode()
            n = len(raw)
            out.append(SHORT[n] if n < 8192 else write_long(n))
            out.append(raw)
            raw = headers_item_value
            n = len(raw)
            out.append(SHORT[n] if n < 8192 else write_long(n))
            out.append(raw)
    out.append(b"\x00")
    out.append(write_long(record.noted_at))
    return b"".join(out)
