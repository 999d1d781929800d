"""Decision, version 1: written by `python -m agents.codecs.generate`, never edited by hand."""

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
from streams.records import Decision

HEADER = b"\x00\x77\x35\x94\x07"  # id 2000000007


def decode_decision(buf: bytes | None) -> Decision:
    """Return the Decision that a framed value says; raises Undecodable."""
    if buf is None or not buf.startswith(HEADER):
        raise refused_header(buf, "decision")
    at = end = 5
    try:
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
        decision_point = buf[at:end].decode()
        at = end
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        trigger_type = buf[at:end].decode()
        at = end
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        trigger_event_id = buf[at:end].decode()
        at = end
        trigger_occurred_at, at = read_instant(buf, at)
        opened_at, at = read_instant(buf, at)
        decided_at, at = read_instant(buf, at)
        n = buf[at]
        if n < 128:
            at += 1
            n = SMALL[n]
        else:
            n, at = read_int(buf, at)
        partition = n
        n = buf[at]
        if n < 128:
            at += 1
            n = SMALL[n]
        else:
            n, at = read_long(buf, at)
        step = n
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        policy_hash = buf[at:end].decode()
        at = end
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        source = buf[at:end].decode()
        at = end
        action: str | None
        n = buf[at]
        at += 1
        if n == 2:
            n = buf[at]
            if n & 129:
                at, end = read_span(buf, at)
            else:
                at += 1
                end = at + (n >> 1)
            action = buf[at:end].decode()
            at = end
        elif n == 0:
            action = None
        else:
            raise refused_branch(n, at)
        treatment: str | None
        n = buf[at]
        at += 1
        if n == 2:
            n = buf[at]
            if n & 129:
                at, end = read_span(buf, at)
            else:
                at += 1
                end = at + (n >> 1)
            treatment = buf[at:end].decode()
            at = end
        elif n == 0:
            treatment = None
        else:
            raise refused_branch(n, at)
        delivery_channel: str | None
        n = buf[at]
        at += 1
        if n == 2:
            n = buf[at]
            if n & 129:
                at, end = read_span(buf, at)
            else:
                at += 1
                end = at + (n >> 1)
            delivery_channel = buf[at:end].decode()
            at = end
        elif n == 0:
            delivery_channel = None
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
        ghost_action: str | None
        n = buf[at]
        at += 1
        if n == 2:
            n = buf[at]
            if n & 129:
                at, end = read_span(buf, at)
            else:
                at += 1
                end = at + (n >> 1)
            ghost_action = buf[at:end].decode()
            at = end
        elif n == 0:
            ghost_action = None
        else:
            raise refused_branch(n, at)
        reason: str | None
        n = buf[at]
        at += 1
        if n == 2:
            n = buf[at]
            if n & 129:
                at, end = read_span(buf, at)
            else:
                at += 1
                end = at + (n >> 1)
            reason = buf[at:end].decode()
            at = end
        elif n == 0:
            reason = None
        else:
            raise refused_branch(n, at)
        n = buf[at]
        if n < 128:
            at += 1
            n = SMALL[n]
        else:
            n, at = read_long(buf, at)
        score_micro = n
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
            n, at = read_long(buf, at)
        u = n
        flags: list[str] = []
        while True:
            flags_count = buf[at]
            if flags_count & 129:
                flags_count, at = read_count(buf, at)
            else:
                at += 1
                flags_count >>= 1
            if not flags_count:
                break
            for _ in range(flags_count):
                n = buf[at]
                if n & 129:
                    at, end = read_span(buf, at)
                else:
                    at += 1
                    end = at + (n >> 1)
                flags.append(buf[at:end].decode())
                at = end
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        evidence = buf[at:end]
        at = end
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        previous_hash = buf[at:end]
        at = end
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        hash_ = buf[at:end]
        at = end
    except UnicodeDecodeError as error:
        raise refused_text(error, end, len(buf)) from None
    except IndexError:
        raise refused("truncated") from None
    if at != len(buf):
        raise refused_end(at, len(buf))
    return Decision(
        decision_id,
        profile_id,
        decision_point,
        trigger_type,
        trigger_event_id,
        trigger_occurred_at,
        opened_at,
        decided_at,
        partition,
        step,
        policy_hash,
        source,
        action,
        treatment,
        delivery_channel,
        activation_id,
        ghost_action,
        reason,
        score_micro,
        q,
        u,
        flags,
        evidence,
        previous_hash,
        hash_,
    )


def encode_decision(record: Decision) -> bytes:
    """Return the framed value that says a Decision; raises OverflowError at too many bits."""
    out = [HEADER]
    raw = record.decision_id.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.profile_id.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.decision_point.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.trigger_type.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.trigger_event_id.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    out.append(write_long(record.trigger_occurred_at))
    out.append(write_long(record.opened_at))
    out.append(write_long(record.decided_at))
    n = record.partition
    out.append(SHORT[n] if 0 <= n < 8192 else write_int(n))
    n = record.step
    out.append(SHORT[n] if 0 <= n < 8192 else write_long(n))
    raw = record.policy_hash.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.source.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    action = record.action
    if action is None:
        out.append(b"\x00")
    else:
        out.append(b"\x02")
        raw = action.encode()
        n = len(raw)
        out.append(SHORT[n] if n < 8192 else write_long(n))
        out.append(raw)
    treatment = record.treatment
    if treatment is None:
        out.append(b"\x00")
    else:
        out.append(b"\x02")
        raw = treatment.encode()
        n = len(raw)
        out.append(SHORT[n] if n < 8192 else write_long(n))
        out.append(raw)
    delivery_channel = record.delivery_channel
    if delivery_channel is None:
        out.append(b"\x00")
    else:
        out.append(b"\x02")
        raw = delivery_channel.encode()
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
    ghost_action = record.ghost_action
    if ghost_action is None:
        out.append(b"\x00")
    else:
        out.append(b"\x02")
        raw = ghost_action.encode()
        n = len(raw)
        out.append(SHORT[n] if n < 8192 else write_long(n))
        out.append(raw)
    reason = record.reason
    if reason is None:
        out.append(b"\x00")
    else:
        out.append(b"\x02")
        raw = reason.encode()
        n = len(raw)
        out.append(SHORT[n] if n < 8192 else write_long(n))
        out.append(raw)
    n = record.score_micro
    out.append(SHORT[n] if 0 <= n < 8192 else write_long(n))
    n = record.q
    out.append(SHORT[n] if 0 <= n < 8192 else write_long(n))
    n = record.u
    out.append(SHORT[n] if 0 <= n < 8192 else write_long(n))
    flags = record.flags
    n = len(flags)
    if n:
        out.append(SHORT[n] if n < 8192 else write_long(n))
        for flags_item in flags:
            raw = flags_item.encode()
            n = len(raw)
            out.append(SHORT[n] if n < 8192 else write_long(n))
            out.append(raw)
    out.append(b"\x00")
    raw = record.evidence
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.previous_hash
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.hash
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    return b"".join(out)
