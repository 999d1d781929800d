"""Switch, version 1: written by `python -m agents.codecs.generate`, never edited by hand."""

from __future__ import annotations

from agents.codecs.framing import refused, refused_boolean, refused_end, refused_header, refused_text
from agents.codecs.varint import SHORT, read_instant, read_span, write_long
from streams.records import Switch

HEADER = b"\x00\x77\x35\x94\x11"  # id 2000000017


def decode_switch(buf: bytes | None) -> Switch:
    """Return the Switch that a framed value says; raises Undecodable."""
    if buf is None or not buf.startswith(HEADER):
        raise refused_header(buf, "switch")
    at = end = 5
    try:
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        scope = buf[at:end].decode()
        at = end
        n = buf[at]
        if n > 1:
            raise refused_boolean(n, at)
        at += 1
        is_off = n == 1
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        said_by = buf[at:end].decode()
        at = end
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        reason = buf[at:end].decode()
        at = end
        said_at, at = read_instant(buf, at)
    except UnicodeDecodeError as error:
        raise refused_text(error, end, len(buf)) from None
    except IndexError:
        raise refused("truncated") from None
    if at != len(buf):
        raise refused_end(at, len(buf))
    return Switch(scope, is_off, said_by, reason, said_at)


def encode_switch(record: Switch) -> bytes:
    """Return the framed value that says a Switch; raises OverflowError at too many bits."""
    out = [HEADER]
    raw = record.scope.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    out.append(b"\x01" if record.is_off else b"\x00")
    raw = record.said_by.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.reason.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    out.append(write_long(record.said_at))
    return b"".join(out)
