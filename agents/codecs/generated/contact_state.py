"""ContactState, version 1: written by `python -m agents.codecs.generate`, never edited by hand."""

from __future__ import annotations

from agents.codecs.framing import refused, refused_boolean, refused_end, refused_header, refused_text
from agents.codecs.varint import SHORT, read_count, read_instant, read_span, write_long
from streams.records import ContactState

HEADER = b"\x00\x77\x35\x94\x10"  # id 2000000016


def decode_contact_state(buf: bytes | None) -> ContactState:
    """Return the ContactState that a framed value says; raises Undecodable."""
    if buf is None or not buf.startswith(HEADER):
        raise refused_header(buf, "contact_state")
    at = end = 5
    try:
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        profile_id = buf[at:end].decode()
        at = end
        consents: dict[str, bool] = {}
        while True:
            consents_count = buf[at]
            if consents_count & 129:
                consents_count, at = read_count(buf, at)
            else:
                at += 1
                consents_count >>= 1
            if not consents_count:
                break
            for _ in range(consents_count):
                n = buf[at]
                if n & 129:
                    at, end = read_span(buf, at)
                else:
                    at += 1
                    end = at + (n >> 1)
                consents_key = buf[at:end].decode()
                at = end
                n = buf[at]
                if n > 1:
                    raise refused_boolean(n, at)
                at += 1
                consents[consents_key] = n == 1
        suppressed: list[str] = []
        while True:
            suppressed_count = buf[at]
            if suppressed_count & 129:
                suppressed_count, at = read_count(buf, at)
            else:
                at += 1
                suppressed_count >>= 1
            if not suppressed_count:
                break
            for _ in range(suppressed_count):
                n = buf[at]
                if n & 129:
                    at, end = read_span(buf, at)
                else:
                    at += 1
                    end = at + (n >> 1)
                suppressed.append(buf[at:end].decode())
                at = end
        stated_at, at = read_instant(buf, at)
    except UnicodeDecodeError as error:
        raise refused_text(error, end, len(buf)) from None
    except IndexError:
        raise refused("truncated") from None
    if at != len(buf):
        raise refused_end(at, len(buf))
    return ContactState(profile_id, consents, suppressed, stated_at)


def encode_contact_state(record: ContactState) -> bytes:
    """Return the framed value that says a ContactState; raises OverflowError at too many bits."""
    out = [HEADER]
    raw = record.profile_id.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    consents = record.consents
    n = len(consents)
    if n:
        out.append(SHORT[n] if n < 8192 else write_long(n))
        for consents_key, consents_item in consents.items():
            raw = consents_key.encode()
            n = len(raw)
            out.append(SHORT[n] if n < 8192 else write_long(n))
            out.append(raw)
            out.append(b"\x01" if consents_item else b"\x00")
    out.append(b"\x00")
    suppressed = record.suppressed
    n = len(suppressed)
    if n:
        out.append(SHORT[n] if n < 8192 else write_long(n))
        for suppressed_item in suppressed:
            raw = suppressed_item.encode()
            n = len(raw)
            out.append(SHORT[n] if n < 8192 else write_long(n))
            out.append(raw)
    out.append(b"\x00")
    out.append(write_long(record.stated_at))
    return b"".join(out)
