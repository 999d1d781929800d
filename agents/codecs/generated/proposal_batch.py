"""ProposalBatch, version 1: written by `python -m agents.codecs.generate`, never edited by hand."""

from __future__ import annotations

import struct

from agents.codecs.framing import refused, refused_branch, refused_end, refused_header, refused_text
from agents.codecs.varint import SHORT, SMALL, read_count, read_long, read_span, write_long
from streams.records import Proposal, ProposalBatch

HEADER = b"\x00\x77\x35\x94\x06"  # id 2000000006
DOUBLE = struct.Struct("<d")


def decode_proposal_batch(buf: bytes | None) -> ProposalBatch:
    """Return the ProposalBatch that a framed value says; raises Undecodable."""
    if buf is None or not buf.startswith(HEADER):
        raise refused_header(buf, "proposal_batch")
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
        items: list[Proposal] = []
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
                n = buf[at]
                if n & 129:
                    at, end = read_span(buf, at)
                else:
                    at += 1
                    end = at + (n >> 1)
                items_status = buf[at:end].decode()
                at = end
                items_outputs: list[float] = []
                while True:
                    items_outputs_count = buf[at]
                    if items_outputs_count & 129:
                        items_outputs_count, at = read_count(buf, at)
                    else:
                        at += 1
                        items_outputs_count >>= 1
                    if not items_outputs_count:
                        break
                    for _ in range(items_outputs_count):
                        items_outputs.append(DOUBLE.unpack_from(buf, at)[0])
                        at += 8
                items_uncertainty: float | None
                n = buf[at]
                at += 1
                if n == 2:
                    items_uncertainty = DOUBLE.unpack_from(buf, at)[0]
                    at += 8
                elif n == 0:
                    items_uncertainty = None
                else:
                    raise refused_branch(n, at)
                n = buf[at]
                if n < 128:
                    at += 1
                    n = SMALL[n]
                else:
                    n, at = read_long(buf, at)
                items_cost_micro = n
                n = buf[at]
                if n < 128:
                    at += 1
                    n = SMALL[n]
                else:
                    n, at = read_long(buf, at)
                items_latency_ms = n
                items.append(
                    Proposal(
                        items_call_id,
                        items_round_id,
                        items_version,
                        items_status,
                        items_outputs,
                        items_uncertainty,
                        items_cost_micro,
                        items_latency_ms,
                    ),
                )
    except UnicodeDecodeError as error:
        raise refused_text(error, end, len(buf)) from None
    except (IndexError, struct.error):
        raise refused("truncated") from None
    if at != len(buf):
        raise refused_end(at, len(buf))
    return ProposalBatch(model, items)


def encode_proposal_batch(record: ProposalBatch) -> bytes:
    """Return the framed value that says a ProposalBatch; raises OverflowError at too many bits."""
    out = [HEADER]
    raw = record.model.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
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
            raw = items_item.status.encode()
            n = len(raw)
            out.append(SHORT[n] if n < 8192 else write_long(n))
            out.append(raw)
            items_item_outputs = items_item.outputs
            n = len(items_item_outputs)
            if n:
                out.append(SHORT[n] if n < 8192 else write_long(n))
                for items_item_outputs_item in items_item_outputs:
                    out.append(DOUBLE.pack(items_item_outputs_item))
            out.append(b"\x00")
            items_item_uncertainty = items_item.uncertainty
            if items_item_uncertainty is None:
                out.append(b"\x00")
            else:
                out.append(b"\x02")
                out.append(DOUBLE.pack(items_item_uncertainty))
            n = items_item.cost_micro
            out.append(SHORT[n] if 0 <= n < 8192 else write_long(n))
            n = items_item.latency_ms
            out.append(SHORT[n] if 0 <= n < 8192 else write_long(n))
    out.append(b"\x00")
    return b"".join(out)
