"""RequestBatch, version 1: written by `python -m agents.codecs.generate`, never edited by hand."""

from __future__ import annotations

from agents.codecs.framing import refused, refused_boolean, refused_branch, refused_end, refused_header, refused_text
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
from streams.records import Request, RequestBatch

HEADER = b"\x00\x77\x35\x94\x05"  # id 2000000005


def decode_request_batch(buf: bytes | None) -> RequestBatch:
    """Return the RequestBatch that a framed value says; raises Undecodable."""
    if buf is None or not buf.startswith(HEADER):
        raise refused_header(buf, "request_batch")
    at = end = 5
    try:
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        model = buf[at:end].decode()
        at = end
        n = buf[at]
        if n < 128:
            at += 1
            n = SMALL[n]
        else:
            n, at = read_int(buf, at)
        reply_partition = n
        requested_at, at = read_instant(buf, at)
        items: list[Request] = []
        while True:
            items_count = buf[at]
            if items_count & 129:
                items_count, at = read_count(buf, at)
            else:
                at += 1
                items_count >>= 1
            if not items_count:
                break
            for _ in range(items_count):
                n = buf[at]
                if n & 129:
                    at, end = read_span(buf, at)
                else:
                    at += 1
                    end = at + (n >> 1)
                items_call_id = buf[at:end].decode()
                at = end
                n = buf[at]
                if n & 129:
                    at, end = read_span(buf, at)
                else:
                    at += 1
                    end = at + (n >> 1)
                items_round_id = buf[at:end].decode()
                at = end
                n = buf[at]
                if n & 129:
                    at, end = read_span(buf, at)
                else:
                    at += 1
                    end = at + (n >> 1)
                items_version = buf[at:end].decode()
                at = end
                items_asked_at, at = read_instant(buf, at)
                items_deadline_at, at = read_instant(buf, at)
                items_features: list[bool | int | str | None] = []
                while True:
                    items_features_count = buf[at]
                    if items_features_count & 129:
                        items_features_count, at = read_count(buf, at)
                    else:
                        at += 1
                        items_features_count >>= 1
                    if not items_features_count:
                        break
                    for _ in range(items_features_count):
                        n = buf[at]
                        at += 1
                        if n == 6:
                            n = buf[at]
                            if n & 129:
                                at, end = read_span(buf, at)
                            else:
                                at += 1
                                end = at + (n >> 1)
                            items_features.append(buf[at:end].decode())
                            at = end
                        elif n == 4:
                            n = buf[at]
                            if n < 128:
                                at += 1
                                n = SMALL[n]
                            else:
                                n, at = read_long(buf, at)
                            items_features.append(n)
                        elif n == 0:
                            items_features.append(None)
                        elif n == 2:
                            n = buf[at]
                            if n > 1:
                                raise refused_boolean(n, at)
                            at += 1
                            items_features.append(n == 1)
                        else:
                            raise refused_branch(n, at)
                items.append(
                    Request(
                        items_call_id,
                        items_round_id,
                        items_version,
                        items_asked_at,
                        items_deadline_at,
                        items_features,
                    ),
                )
    except UnicodeDecodeError as error:
        raise refused_text(error, end, len(buf)) from None
    except IndexError:
        raise refused("truncated") from None
    if at != len(buf):
        raise refused_end(at, len(buf))
    return RequestBatch(model, reply_partition, requested_at, items)


def encode_request_batch(record: RequestBatch) -> bytes:
    """Return the framed value that says a RequestBatch; raises OverflowError at too many bits."""
    out = [HEADER]
    raw = record.model.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    n = record.reply_partition
    out.append(SHORT[n] if 0 <= n < 8192 else write_int(n))
    out.append(write_long(record.requested_at))
    items = record.items
    n = len(items)
    if n:
        out.append(SHORT[n] if n < 8192 else write_long(n))
        for items_item in items:
            raw = items_item.call_id.encode()
            n = len(raw)
            out.append(SHORT[n] if n < 8192 else write_long(n))
            out.append(raw)
            raw = items_item.round_id.encode()
            n = len(raw)
            out.append(SHORT[n] if n < 8192 else write_long(n))
            out.append(raw)
            raw = items_item.version.encode()
            n = len(raw)
            out.append(SHORT[n] if n < 8192 else write_long(n))
            out.append(raw)
            out.append(write_long(items_item.asked_at))
            out.append(write_long(items_item.deadline_at))
            items_item_features = items_item.features
            n = len(items_item_features)
            if n:
                out.append(SHORT[n] if n < 8192 else write_long(n))
                for items_item_features_item in items_item_features:
                    if isinstance(items_item_features_item, str):
                        out.append(b"\x06")
                        raw = items_item_features_item.encode()
                        n = len(raw)
                        out.append(SHORT[n] if n < 8192 else write_long(n))
                        out.append(raw)
                    elif items_item_features_item is None:
                        out.append(b"\x00")
                    elif isinstance(items_item_features_item, bool):
                        out.append(b"\x02")
                        out.append(b"\x01" if items_item_features_item else b"\x00")
                    else:
                        out.append(b"\x04")
                        n = items_item_features_item
                        out.append(SHORT[n] if 0 <= n < 8192 else write_long(n))
            out.append(b"\x00")
    out.append(b"\x00")
    return b"".join(out)
