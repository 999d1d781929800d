"""Activation, version 1: written by `python -m agents.codecs.generate`, never edited by hand."""

from __future__ import annotations

from agents.codecs.framing import refused, refused_branch, refused_end, refused_header, refused_text
from agents.codecs.varint import SHORT, read_count, read_instant, read_span, write_long
from streams.records import Activation

HEADER = b"\x00\x77\x35\x94\x09"  # id 2000000009


def decode_activation(buf: bytes | None) -> Activation:
    """Return the Activation that a framed value says; raises Undecodable."""
    if buf is None or not buf.startswith(HEADER):
        raise refused_header(buf, "activation")
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
        action = buf[at:end].decode()
        at = end
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        treatment = buf[at:end].decode()
        at = end
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        delivery_channel = buf[at:end].decode()
        at = end
        content: dict[str, str] = {}
        while True:
            content_count = buf[at]
            if content_count & 129:
                content_count, at = read_count(buf, at)
            else:
                at += 1
                content_count >>= 1
            if not content_count:
                break
            for _ in range(content_count):
                n = buf[at]
                if n & 129:
                    at, end = read_span(buf, at)
                else:
                    at += 1
                    end = at + (n >> 1)
                content_key = buf[at:end].decode()
                at = end
                n = buf[at]
                if n & 129:
                    at, end = read_span(buf, at)
                else:
                    at += 1
                    end = at + (n >> 1)
                content[content_key] = buf[at:end].decode()
                at = end
        decided_at, at = read_instant(buf, at)
        release_at, at = read_instant(buf, at)
        expires_at, at = read_instant(buf, at)
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        policy_hash = buf[at:end].decode()
        at = end
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
    except UnicodeDecodeError as error:
        raise refused_text(error, end, len(buf)) from None
    except IndexError:
        raise refused("truncated") from None
    if at != len(buf):
        raise refused_end(at, len(buf))
    return Activation(
        activation_id,
        decision_id,
        profile_id,
        action,
        treatment,
        delivery_channel,
        content,
        decided_at,
        release_at,
        expires_at,
        policy_hash,
        traceparent,
    )


def encode_activation(record: Activation) -> bytes:
    """Return the framed value that says a Activation; raises OverflowError at too many bits."""
    out = [HEADER]
    raw = record.activation_id.encode()
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
    raw = record.action.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.treatment.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.delivery_channel.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    content = record.content
    n = len(content)
    if n:
        out.append(SHORT[n] if n < 8192 else write_long(n))
        for content_key, content_item in content.items():
            raw = content_key.encode()
            n = len(raw)
            out.append(SHORT[n] if n < 8192 else write_long(n))
            out.append(raw)
            raw = content_item.encode()
            n = len(raw)
            out.append(SHORT[n] if n < 8192 else write_long(n))
            out.append(raw)
    out.append(b"\x00")
    out.append(write_long(record.decided_at))
    out.append(write_long(record.release_at))
    out.append(write_long(record.expires_at))
    raw = record.policy_hash.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    traceparent = record.traceparent
    if traceparent is None:
        out.append(b"\x00")
    else:
        out.append(b"\x02")
        raw = traceparent.encode()
        n = len(raw)
        out.append(SHORT[n] if n < 8192 else write_long(n))
        out.append(raw)
    return b"".join(out)
