"""TrainingExample, version 1: written by `python -m agents.codecs.generate`, never edited by hand."""

from __future__ import annotations

import struct

from agents.codecs.framing import refused, refused_boolean, refused_branch, refused_end, refused_header, refused_text
from agents.codecs.varint import SHORT, SMALL, read_count, read_instant, read_long, read_span, write_long
from streams.records import TrainingExample

HEADER = b"\x00\x77\x35\x94\x0c"  # id 2000000012
DOUBLE = struct.Struct("<d")


def decode_training_example(buf: bytes | None) -> TrainingExample:
    """Return the TrainingExample that a framed value says; raises Undecodable."""
    if buf is None or not buf.startswith(HEADER):
        raise refused_header(buf, "training_example")
    at = end = 5
    try:
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        example_id = buf[at:end].decode()
        at = end
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        model = buf[at:end].decode()
        at = end
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        version = buf[at:end].decode()
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
        key: str | None
        n = buf[at]
        at += 1
        if n == 2:
            n = buf[at]
            if n & 129:
                at, end = read_span(buf, at)
            else:
                at += 1
                end = at + (n >> 1)
            key = buf[at:end].decode()
            at = end
        elif n == 0:
            key = None
        else:
            raise refused_branch(n, at)
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
        features: list[bool | int | str | None] = []
        while True:
            features_count = buf[at]
            if features_count & 129:
                features_count, at = read_count(buf, at)
            else:
                at += 1
                features_count >>= 1
            if not features_count:
                break
            for _ in range(features_count):
                n = buf[at]
                at += 1
                if n == 6:
                    n = buf[at]
                    if n & 129:
                        at, end = read_span(buf, at)
                    else:
                        at += 1
                        end = at + (n >> 1)
                    features.append(buf[at:end].decode())
                    at = end
                elif n == 4:
                    n = buf[at]
                    if n < 128:
                        at += 1
                        n = SMALL[n]
                    else:
                        n, at = read_long(buf, at)
                    features.append(n)
                elif n == 0:
                    features.append(None)
                elif n == 2:
                    n = buf[at]
                    if n > 1:
                        raise refused_boolean(n, at)
                    at += 1
                    features.append(n == 1)
                else:
                    raise refused_branch(n, at)
        output: float | None
        n = buf[at]
        at += 1
        if n == 2:
            output = DOUBLE.unpack_from(buf, at)[0]
            at += 8
        elif n == 0:
            output = None
        else:
            raise refused_branch(n, at)
        label = DOUBLE.unpack_from(buf, at)[0]
        at += 8
        decided_at, at = read_instant(buf, at)
        final_at, at = read_instant(buf, at)
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        policy_hash = buf[at:end].decode()
        at = end
    except UnicodeDecodeError as error:
        raise refused_text(error, end, len(buf)) from None
    except (IndexError, struct.error):
        raise refused("truncated") from None
    if at != len(buf):
        raise refused_end(at, len(buf))
    return TrainingExample(
        example_id,
        model,
        version,
        decision_id,
        profile_id,
        key,
        action,
        ghost,
        q,
        features,
        output,
        label,
        decided_at,
        final_at,
        policy_hash,
    )


def encode_training_example(record: TrainingExample) -> bytes:
    """Return the framed value that says a TrainingExample; raises OverflowError at too many bits."""
    out = [HEADER]
    raw = record.example_id.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.model.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.version.encode()
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
    key = record.key
    if key is None:
        out.append(b"\x00")
    else:
        out.append(b"\x02")
        raw = key.encode()
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
    out.append(b"\x01" if record.ghost else b"\x00")
    n = record.q
    out.append(SHORT[n] if 0 <= n < 8192 else write_long(n))
    features = record.features
    n = len(features)
    if n:
        out.append(SHORT[n] if n < 8192 else write_long(n))
        for features_item in features:
            if isinstance(features_item, str):
                out.append(b"\x06")
                raw = features_item.encode()
                n = len(raw)
                out.append(SHORT[n] if n < 8192 else write_long(n))
                out.append(raw)
            elif features_item is None:
                out.append(b"\x00")
            elif isinstance(features_item, bool):
                out.append(b"\x02")
                out.append(b"\x01" if features_item else b"\x00")
            else:
                out.append(b"\x04")
                n = features_item
                out.append(SHORT[n] if 0 <= n < 8192 else write_long(n))
    out.append(b"\x00")
    output = record.output
    if output is None:
        out.append(b"\x00")
    else:
        out.append(b"\x02")
        out.append(DOUBLE.pack(output))
    out.append(DOUBLE.pack(record.label))
    out.append(write_long(record.decided_at))
    out.append(write_long(record.final_at))
    raw = record.policy_hash.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    return b"".join(out)
