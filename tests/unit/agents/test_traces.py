"""Traces: what a producer says of its trace reaches the activation; who is sampled is told to a collector."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from aiokafka.structs import ConsumerRecord
from structlog.testing import capture_logs

from agents import raw_events
from agents.codecs.avro import encode_raw_event
from agents.settings import Settings, SettingsError, load
from agents.spans import SPANS_MAX, Spans, spans_of
from agents.traces import sampled
from streams.inputs import RawInput
from tests.collector import Collector
from tests.processes import wait_until
from tests.shard import raw

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE}-{PARENT}-01"
NOT_SAMPLED = f"00-{TRACE}-{PARENT}-00"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with closing(Collector()) as collector:
        yield collector


def decoded(said: str | None, *headers: tuple[str, bytes]) -> RawInput:
    """Return the input that a record with this field and these headers is."""
    value = encode_raw_event(raw(traceparent=said))
    record = ConsumerRecord("t", 0, 7, 1, 0, b"p", value, None, 1, len(value), tuple(headers))
    (given,) = raw_events.decode(record)
    assert isinstance(given, RawInput)
    assert given.original.value == value
    return given


def test_a_header_says_what_the_event_does_not() -> None:
    given = decoded(None, ("other", b"x"), ("traceparent", SAMPLED.encode()))
    assert (given.event.traceparent, given.original.is_verbatim) == (SAMPLED, False)


def test_what_the_event_says_itself_stands() -> None:
    given = decoded(NOT_SAMPLED, ("traceparent", SAMPLED.encode()))
    assert (given.event.traceparent, given.original.is_verbatim) == (NOT_SAMPLED, True)


@pytest.mark.parametrize("value", [b"", b"nonsense", SAMPLED[:-1].encode(), b"ff" + SAMPLED[2:].encode(), b"\xff\x00"])
def test_a_header_that_is_no_traceparent_is_no_reason_to_refuse_an_event(value: bytes) -> None:
    given = decoded(None, ("traceparent", value))
    assert (given.event.traceparent, given.original.is_verbatim) == (None, True)


@pytest.mark.parametrize(
    ("traceparent", "ids"),
    [
        (SAMPLED, (TRACE, PARENT)),
        (SAMPLED[:-2] + "03", (TRACE, PARENT)),
        (NOT_SAMPLED, None),
        (None, None),
        ("", None),
        (f"00-{'0' * 32}-{PARENT}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (SAMPLED.upper(), None),
    ],
)
def test_who_began_a_trace_says_whether_it_is_recorded(traceparent: str | None, ids: tuple[str, str] | None) -> None:
    assert sampled(traceparent) == ids


def test_a_collector_gets_what_was_done_for_a_sampled_event(collector: Collector) -> None:
    spans = Spans(collector.url, "worker")
    spans.add("ingest", NOT_SAMPLED, 1_000, 1_007, event_id="a")
    spans.add("ingest", SAMPLED, 1_000, 1_007, event_id="b", lines=3)
    (span,) = wait_until("a span", lambda: collector.spans() or None)
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.name) == (TRACE, PARENT, "ingest")
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (1_000_000_000, 1_007_000_000)
    assert {one.key: one.value.string_value or one.value.int_value for one in span.attributes} == {
        "continuo.event_id": "b",
        "continuo.lines": 3,
    }
    assert collector.services() == {"continuo-worker"}


def test_what_is_told_again_is_the_same_span(collector: Collector) -> None:
    spans = Spans(collector.url, "worker")
    for event_id in ("a", "b", "a"):
        spans.add("ingest", SAMPLED, 1_000, 1_007, event_id=event_id)
    told = wait_until("spans", lambda: collector.spans() if len(collector.spans()) == 3 else None)
    first, second, third = (span.span_id for span in told)
    assert first == third != second


def test_a_collector_that_is_away_costs_no_memory_and_that_is_said() -> None:
    with closing(Collector()) as collector:
        url = collector.url
    with capture_logs() as said:
        spans = Spans(url, "worker")
        for number in range(SPANS_MAX + 5):
            spans.add("ingest", SAMPLED, 1_000, 1_007, number=number)
        wait_until("a line", lambda: said or None)
    assert {line["event"] for line in said} == {"spans lost"}


def test_nobody_traces_unless_told_and_never_a_time_that_is_not_of_now(collector: Collector) -> None:
    assert spans_of(Settings(), "worker") is None
    assert spans_of(Settings(traces=collector.url, mode="history"), "worker") is None
    assert spans_of(Settings(traces=collector.url), "worker") is not None


@pytest.mark.parametrize("address", ["collector:4318", "http://", "ftp://collector:4318"])
def test_what_is_no_address_of_a_collector_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTINUO_TRACES", address)
    with pytest.raises(SettingsError, match="CONTINUO_TRACES: expected http://host:4318"):
        load()
