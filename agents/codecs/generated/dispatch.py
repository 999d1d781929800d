"""Dispatch, version 1: written by `python -m agents.codecs.generate`, never edited by hand."""

from __future__ import annotations

from agents.codecs.framing import refused, refused_end, refused_header, refused_text
from agents.codecs.varint import SHORT, read_instant, read_span, write_long
from streams.records import Dispatch

HEADER = b"\x00\x77\x35\x94\x0f"  # id 2000000015


def decode_dispatch(buf: bytes | None) -> Dispatch:
    """Return the Dispatch that a framed value says; raises Undecodable."""
    if buf is None or not buf.startswith(HEADER):
        raise refused_header(buf, "dispatch")
    at = end = 5
    try:
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        activation_id = buf[at:end].decode()
        at = end
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        delivery_channel = buf[at:end].decode()
        at = end
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        state = buf[at:end].decode()
        at = end
        noted_at, at = read_instant(buf, at)
    except UnicodeDecodeError as error:
        raise refused_text(error, end, len(buf)) from None
    except IndexError:
        raise refused("truncated") from None
    if at != len(buf):
        raise refused_end(at, len(buf))
    return Dispatch(activation_id, delivery_channel, state, noted_at)


def encode_dispatch(record: Dispatch) -> bytes:
    """Return the framed value that says a Dispatch; raises OverflowError at too many bits."""
    out = [HEADER]
    raw = record.activation_id.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.delivery_channel.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.state.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    out.append(write_long(record.noted_at))
    return b"".join(out)
