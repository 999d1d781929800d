"""Tick, version 1: written by `python -m agents.codecs.generate`, never edited by hand."""

from __future__ import annotations

from agents.codecs.framing import refused, refused_end, refused_header
from agents.codecs.varint import read_instant, write_long
from streams.records import Tick

HEADER = b"\x00\x77\x35\x94\x04"  # id 2000000004


def decode_tick(buf: bytes | None) -> Tick:
    """Return the Tick that a framed value says; raises Undecodable."""
    if buf is None or not buf.startswith(HEADER):
        raise refused_header(buf, "tick")
    at = 5
    try:
        ticked_at, at = read_instant(buf, at)
    except IndexError:
        raise refused("truncated") from None
    if at != len(buf):
        raise refused_end(at, len(buf))
    return Tick(ticked_at)


def encode_tick(record: Tick) -> bytes:
    """Return the framed value that says a Tick; raises OverflowError at too many bits."""
    out = [HEADER]
    out.append(write_long(record.ticked_at))
    return b"".join(out)
