"""Outcome, version 1: written by `python -m agents.codecs.generate`, never edited by hand."""

from __future__ import annotations

from agents.codecs.framing import refused, refused_branch, refused_end, refused_header, refused_text
from agents.codecs.varint import SHORT, SMALL, read_instant, read_long, read_span, write_long
from streams.records import Outcome

HEADER = b"\x00\x77\x35\x94\x0a"  # id 2000000010


def decode_outcome(buf: bytes | None) -> Outcome:
    """Return the Outcome that a framed value says; raises Undecodable."""
    if buf is None or not buf.startswith(HEADER):
        raise refused_header(buf, "outcome")
    at = end = 5
    try:
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        outcome_id = buf[at:end].decode()
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
        event_id = buf[at:end].decode()
        at = end
        decision_id: str | None
        n = buf[at]
        at += 1
        if n == 2:
            n = buf[at]
            if n & 129:
                at, end = read_span(buf, at)
            else:
                at += 1
                end = at + (n >> 1)
            decision_id = buf[at:end].decode()
            at = end
        elif n == 0:
            decision_id = None
        else:
            raise refused_branch(n, at)
        activation_id: str | None
        n = buf[at]
        at += 1
        if n == 2:
            n = buf[at]
            if n & 129:
                at, end = read_span(buf, at)
            else:
                at += 1
                end = at + (n >> 1)
            activation_id = buf[at:end].decode()
            at = end
        elif n == 0:
            activation_id = None
        else:
            raise refused_branch(n, at)
        category: str | None
        n = buf[at]
        at += 1
        if n == 2:
            n = buf[at]
            if n & 129:
                at, end = read_span(buf, at)
            else:
                at += 1
                end = at + (n >> 1)
            category = buf[at:end].decode()
            at = end
        elif n == 0:
            category = None
        else:
            raise refused_branch(n, at)
        n = buf[at]
        if n < 128:
            at += 1
            n = SMALL[n]
        else:
            n, at = read_long(buf, at)
        value_micro = n
    except UnicodeDecodeError as error:
        raise refused_text(error, end, len(buf)) from None
    except IndexError:
        raise refused("truncated") from None
    if at != len(buf):
        raise refused_end(at, len(buf))
    return Outcome(
        outcome_id,
        profile_id,
        type_,
        occurred_at,
        event_id,
        decision_id,
        activation_id,
        category,
        value_micro,
    )


def encode_outcome(record: Outcome) -> bytes:
    """Return the framed value that says a Outcome; raises OverflowError at too many bits."""
    out = [HEADER]
    raw = record.outcome_id.encode()
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
    raw = record.event_id.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    decision_id = record.decision_id
    if decision_id is None:
        out.append(b"\x00")
    else:
        out.append(b"\x02")
        raw = decision_id.encode()
        n = len(raw)
        out.append(SHORT[n] if n < 8192 else write_long(n))
        out.append(raw)
    activation_id = record.activation_id
    if activation_id is None:
        out.append(b"\x00")
    else:
        out.append(b"\x02")
        raw = activation_id.encode()
        n = len(raw)
        out.append(SHORT[n] if n < 8192 else write_long(n))
        out.append(raw)
    category = record.category
    if category is None:
        out.append(b"\x00")
    else:
        out.append(b"\x02")
        raw = category.encode()
        n = len(raw)
        out.append(SHORT[n] if n < 8192 else write_long(n))
        out.append(raw)
    n = record.value_micro
    out.append(SHORT[n] if 0 <= n < 8192 else write_long(n))
    return b"".join(out)
