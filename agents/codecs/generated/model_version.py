"""ModelVersion, version 1: written by `python -m agents.codecs.generate`, never edited by hand."""

from __future__ import annotations

import struct

from agents.codecs.framing import refused, refused_branch, refused_end, refused_header, refused_text
from agents.codecs.varint import SHORT, SMALL, read_count, read_instant, read_long, read_span, write_long
from streams.records import Calibrator, ModelVersion

HEADER = b"\x00\x77\x35\x94\x0e"  # id 2000000014
DOUBLE = struct.Struct("<d")


def decode_model_version(buf: bytes | None) -> ModelVersion:
    """Return the ModelVersion that a framed value says; raises Undecodable."""
    if buf is None or not buf.startswith(HEADER):
        raise refused_header(buf, "model_version")
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
        kind = buf[at:end].decode()
        at = end
        trained_until, at = read_instant(buf, at)
        published_at, at = read_instant(buf, at)
        n = buf[at]
        if n & 129:
            at, end = read_span(buf, at)
        else:
            at += 1
            end = at + (n >> 1)
        artefact = buf[at:end]
        at = end
        calibrator: Calibrator | None
        n = buf[at]
        at += 1
        if n == 2:
            n = buf[at]
            if n & 129:
                at, end = read_span(buf, at)
            else:
                at += 1
                end = at + (n >> 1)
            calibrator_some_calibrator_id = buf[at:end].decode()
            at = end
            calibrator_some_edges_ppb: list[int] = []
            while True:
                calibrator_some_edges_ppb_count = buf[at]
                if calibrator_some_edges_ppb_count & 129:
                    calibrator_some_edges_ppb_count, at = read_count(buf, at)
                else:
                    at += 1
                    calibrator_some_edges_ppb_count >>= 1
                if not calibrator_some_edges_ppb_count:
                    break
                for _ in range(calibrator_some_edges_ppb_count):
                    n = buf[at]
                    if n < 128:
                        at += 1
                        n = SMALL[n]
                    else:
                        n, at = read_long(buf, at)
                    calibrator_some_edges_ppb.append(n)
            calibrator_some_values_ppb: list[int] = []
            while True:
                calibrator_some_values_ppb_count = buf[at]
                if calibrator_some_values_ppb_count & 129:
                    calibrator_some_values_ppb_count, at = read_count(buf, at)
                else:
                    at += 1
                    calibrator_some_values_ppb_count >>= 1
                if not calibrator_some_values_ppb_count:
                    break
                for _ in range(calibrator_some_values_ppb_count):
                    n = buf[at]
                    if n < 128:
                        at += 1
                        n = SMALL[n]
                    else:
                        n, at = read_long(buf, at)
                    calibrator_some_values_ppb.append(n)
            calibrator = Calibrator(
                calibrator_some_calibrator_id,
                calibrator_some_edges_ppb,
                calibrator_some_values_ppb,
            )
        elif n == 0:
            calibrator = None
        else:
            raise refused_branch(n, at)
        inputs: list[str] = []
        while True:
            inputs_count = buf[at]
            if inputs_count & 129:
                inputs_count, at = read_count(buf, at)
            else:
                at += 1
                inputs_count >>= 1
            if not inputs_count:
                break
            for _ in range(inputs_count):
                n = buf[at]
                if n & 129:
                    at, end = read_span(buf, at)
                else:
                    at += 1
                    end = at + (n >> 1)
                inputs.append(buf[at:end].decode())
                at = end
        next_offsets: dict[str, int] = {}
        while True:
            next_offsets_count = buf[at]
            if next_offsets_count & 129:
                next_offsets_count, at = read_count(buf, at)
            else:
                at += 1
                next_offsets_count >>= 1
            if not next_offsets_count:
                break
            for _ in range(next_offsets_count):
                n = buf[at]
                if n & 129:
                    at, end = read_span(buf, at)
                else:
                    at += 1
                    end = at + (n >> 1)
                next_offsets_key = buf[at:end].decode()
                at = end
                n = buf[at]
                if n < 128:
                    at += 1
                    n = SMALL[n]
                else:
                    n, at = read_long(buf, at)
                next_offsets[next_offsets_key] = n
        metrics: dict[str, float] = {}
        while True:
            metrics_count = buf[at]
            if metrics_count & 129:
                metrics_count, at = read_count(buf, at)
            else:
                at += 1
                metrics_count >>= 1
            if not metrics_count:
                break
            for _ in range(metrics_count):
                n = buf[at]
                if n & 129:
                    at, end = read_span(buf, at)
                else:
                    at += 1
                    end = at + (n >> 1)
                metrics_key = buf[at:end].decode()
                at = end
                metrics[metrics_key] = DOUBLE.unpack_from(buf, at)[0]
                at += 8
    except UnicodeDecodeError as error:
        raise refused_text(error, end, len(buf)) from None
    except (IndexError, struct.error):
        raise refused("truncated") from None
    if at != len(buf):
        raise refused_end(at, len(buf))
    return ModelVersion(
        model,
        version,
        kind,
        trained_until,
        published_at,
        artefact,
        calibrator,
        inputs,
        next_offsets,
        metrics,
    )


def encode_model_version(record: ModelVersion) -> bytes:
    """Return the framed value that says a ModelVersion; raises OverflowError at too many bits."""
    out = [HEADER]
    raw = record.model.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.version.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    raw = record.kind.encode()
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    out.append(write_long(record.trained_until))
    out.append(write_long(record.published_at))
    raw = record.artefact
    n = len(raw)
    out.append(SHORT[n] if n < 8192 else write_long(n))
    out.append(raw)
    calibrator = record.calibrator
    if calibrator is None:
        out.append(b"\x00")
    else:
        out.append(b"\x02")
        raw = calibrator.calibrator_id.encode()
        n = len(raw)
        out.append(SHORT[n] if n < 8192 else write_long(n))
        out.append(raw)
        calibrator_edges_ppb = calibrator.edges_ppb
        n = len(calibrator_edges_ppb)
        if n:
            out.append(SHORT[n] if n < 8192 else write_long(n))
            for calibrator_edges_ppb_item in calibrator_edges_ppb:
                n = calibrator_edges_ppb_item
                out.append(SHORT[n] if 0 <= n < 8192 else write_long(n))
        out.append(b"\x00")
        calibrator_values_ppb = calibrator.values_ppb
        n = len(calibrator_values_ppb)
        if n:
            out.append(SHORT[n] if n < 8192 else write_long(n))
            for calibrator_values_ppb_item in calibrator_values_ppb:
                n = calibrator_values_ppb_item
                out.append(SHORT[n] if 0 <= n < 8192 else write_long(n))
        out.append(b"\x00")
    inputs = record.inputs
    n = len(inputs)
    if n:
        out.append(SHORT[n] if n < 8192 else write_long(n))
        for inputs_item in inputs:
            raw = inputs_item.encode()
            n = len(raw)
            out.append(SHORT[n] if n < 8192 else write_long(n))
            out.append(raw)
    out.append(b"\x00")
    next_offsets = record.next_offsets
    n = len(next_offsets)
    if n:
        out.append(SHORT[n] if n < 8192 else write_long(n))
        for next_offsets_key, next_offsets_item in next_offsets.items():
            raw = next_offsets_key.encode()
            n = len(raw)
            out.append(SHORT[n] if n < 8192 else write_long(n))
            out.append(raw)
            n = next_offsets_item
            out.append(SHORT[n] if 0 <= n < 8192 else write_long(n))
    out.append(b"\x00")
    metrics = record.metrics
    n = len(metrics)
    if n:
        out.append(SHORT[n] if n < 8192 else write_long(n))
        for metrics_key, metrics_item in metrics.items():
            raw = metrics_key.encode()
            n = len(raw)
            out.append(SHORT[n] if n < 8192 else write_long(n))
            out.append(raw)
            out.append(DOUBLE.pack(metrics_item))
    out.append(b"\x00")
    return b"".join(out)
