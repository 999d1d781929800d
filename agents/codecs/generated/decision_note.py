"""DecisionNote, version 1: written by `python -m agents.codecs.generate`, never edited by hand."""

from __future__ import annotations

from agents.codecs.framing import refused, refused_end, refused_header, refused_text
from agents.codecs.varint import SHORT, read_count, read_instant, read_span, write_long
from streams.records import DecisionNote

HEADER = b"\x00\x77\x35\x94\x08"  # id 2000000008


def decode_decision_note(buf: bytes | None) -> DecisionNote:
    """Return the DecisionNote that a framed value says; raises Undecodable."""
    if buf is None or not buf.startswith(HEADER):
        raise refused_header(buf, "decision_note")
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
        kind = buf[at:end].decode()
        at = end
        noted_at, at = read_instant(buf, at)
        details: dict[str, str] = {}
        while True:
            details_count = buf[at]
            if details_count & 129:
                details_count, at = read_count(buf, at)
            else:
                at += 1
                details_count >>= 1
            if not details_count:
                break
            for _ in range(details_count):
                n = buf[at]
                if n & 129:
                    at, end = read_span(buf, at)
                else:
                    at += 1
                    end = at + (n >> 1)
                details_key = buf[at:end].decode()
                at = end
                n = buf[at]
                if n & 129:
                    at, end = read_span(buf, at)
                else:
                    at += 1
                    end = at + (n >> 1)
                details[details_key] = buf[at:end].decode()
                at = end
    except UnicodeDecodeError as error:
        raise refused_text(error, end, len(buf)) from None
    except IndexError:
        raise refused("truncated") from None
    if at != len(buf):
        raise refused_end(at, len(buf))
    return DecisionNote(decision_id, profile_id, kind, noted_at, details)


def encode_decision_note(record: DecisionNote) -> bytes:
    """Return the framed value that says a DecisionNote; raises OverflowError at too many bits."""
    out = [HEADER]
    raw = record.decision_id.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.profile_id.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.kind.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    out.append(write_long(record.noted_at))
    details = record.details
    n = len(details)
    if n:
        out.append(SHORT[n] if n < 8192 else write_long(n))
        for details_key, details_item in details.items():
            raw = details_key.encode()
            n = len(raw)
            out.append(SHORT[n] if n < 8192 else write_long(n))
            out.append(raw)
            raw = details_item.encode()
            n = len(raw)
            out.append(SHORT[n] if n < 8192 else write_long(n))
            out.append(raw)
    out.append(b"\x00")
    return b"".join(out)
