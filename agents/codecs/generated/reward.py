"""Reward, version 1: written by `python -m agents.codecs.generate`, never edited by hand."""

from __future__ import annotations

from agents.codecs.framing import refused, refused_boolean, refused_end, refused_header, refused_text
from agents.codecs.varint import SHORT, SMALL, read_instant, read_int, read_long, read_span, write_int, write_long
from streams.records import Reward

HEADER = b"\x00\x77\x35\x94\x0b"  # id 2000000011


def decode_reward(buf: bytes | None) -> Reward:
    """Return the Reward that a framed value says; raises Undecodable."""
    if buf is None or not buf.startswith(HEADER):
        raise refused_header(buf, "reward")
    at = end = 5
    try:
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        reward_id = buf[at:end].decode()
        at = end
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        decision_id = buf[at:end].decode()
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
        outcome = buf[at:end].decode()
        at = end
        n = buf[at]
        if n < 128:
            at += 1
            n = SMALL[n]
        else:
            n, at = read_int(buf, at)
        version = n
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        status = buf[at:end].decode()
        at = end
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        action = buf[at:end].decode()
        at = end
        n = buf[at]
        if n > 1:
            raise refused_boolean(n, at)
        at += 1
        ghost = n == 1
        n = buf[at]
        if n < 128:
            at += 1
            n = SMALL[n]
        else:
            n, at = read_long(buf, at)
        q = n
        n = buf[at]
        if n < 128:
            at += 1
            n = SMALL[n]
        else:
            n, at = read_int(buf, at)
        outcomes = n
        n = buf[at]
        if n < 128:
            at += 1
            n = SMALL[n]
        else:
            n, at = read_long(buf, at)
        value_micro = n
        decided_at, at = read_instant(buf, at)
        rewarded_at, at = read_instant(buf, at)
    except UnicodeDecodeError as error:
        raise refused_text(error, end, len(buf)) from None
    except IndexError:
        raise refused("truncated") from None
    if at != len(buf):
        raise refused_end(at, len(buf))
    return Reward(
        reward_id,
        decision_id,
        profile_id,
        outcome,
        version,
        status,
        action,
        ghost,
        q,
        outcomes,
        value_micro,
        decided_at,
        rewarded_at,
    )


def encode_reward(record: Reward) -> bytes:
    """Return the framed value that says a Reward; raises OverflowError at too many bits."""
    out = [HEADER]
    raw = record.reward_id.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.decision_id.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.profile_id.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.outcome.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    n = record.version
    out.append(SHORT[n] if 0 <= n < 8192 else write_int(n))
    raw = record.status.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.action.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    out.append(b"\x01" if record.ghost else b"\x00")
    n = record.q
    out.append(SHORT[n] if 0 <= n < 8192 else write_long(n))
    n = record.outcomes
    out.append(SHORT[n] if 0 <= n < 8192 else write_int(n))
    n = record.value_micro
    out.append(SHORT[n] if 0 <= n < 8192 else write_long(n))
    out.append(write_long(record.decided_at))
    out.append(write_long(record.rewarded_at))
    return b"".join(out)
