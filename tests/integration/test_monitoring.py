"""A stream that lives, watched by the real Prometheus and Alertmanager: panels show it, and faults are told."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Final, NamedTuple

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from deploy.monitoring.dashboards.table import DASHBOARDS
from deploy.monitoring.panels import RATE
from tests.collector import Collector
from tests.monitoring.servers import Watch, watching
from tests.monitoring.traffic import MODEL, TRACE, Traffic
from tests.processes import wait_until

pytestmark = pytest.mark.kafka

PACE: Final = 60  # five minutes of the rules are five seconds here
WINDOW: Final = "5s"  # of rates in panels
PANELS: Final = {(board.name, panel.title): panel for board in DASHBOARDS for panel in board.panels}
CALM_S: Final = 120.0  # until what a fault left behind has gone from the windows


Shown = tuple[str, str, dict[str, str], float, float]  # dashboard, panel, labels of the series, at least, at most


class Fault(NamedTuple):
    """What is planted, where it shows, and the alerts that fire, with their labels."""

    plant: Callable[[Traffic, ExitStack], None]
    shown: tuple[Shown, ...]
    fires: dict[str, dict[str, str]]


def overload(traffic: Traffic, stack: ExitStack) -> None:
    traffic.rest()  # a worker that is behind takes its models' answers late: that would be told as well
    stack.callback(traffic.go_on)
    traffic.pour()


def stop_source(traffic: Traffic, stack: ExitStack) -> None:
    traffic.sources.discard("till")
    stack.callback(traffic.sources.add, "till")


def flood_with_poison(traffic: Traffic, stack: ExitStack) -> None:
    traffic.is_poisoned = True
    stack.callback(setattr, traffic, "is_poisoned", False)


def slow_model(traffic: Traffic, stack: ExitStack) -> None:
    stack.enter_context(traffic.slowed("model"))


def fail_channel(traffic: Traffic, stack: ExitStack) -> None:
    traffic.fill_disk()
    stack.callback(traffic.run, "channel")


LAG: Final = Fault(
    overload,
    (("stream", "lag", {}, 0.5, math.inf), ("stream", "lag in records", {}, 1_000, math.inf)),
    {"WorkerLagging": {}},
)
FAULTS: Final = {
    "a stopped source": Fault(
        stop_source,
        (("data-quality", "silence", {"source": "till"}, 5, math.inf),
         ("data-quality", "events by source", {"source": "till"}, 0, 0)),
        {"SourceSilent": {"source": "till"}},
    ),
    "a poison flood": Fault(
        flood_with_poison,
        (("data-quality", "share refused", {}, 0.05, 1),
         ("data-quality", "dead letters by cause", {"cause": "undecodable"}, 10, math.inf),
         ("stream", "records", {"outcome": "dead_letter"}, 10, math.inf)),
        {"DeadLetterFlood": {}},
    ),
    "a slow model": Fault(
        slow_model,
        (("models", "share missing", {"model": MODEL}, 0.1, 1),
         ("decisions", "to bear in mind", {"flag": f"degraded:{MODEL}"}, 0.5, math.inf)),
        {"ModelNotAnswering": {"model": MODEL}},
    ),
    "a failing delivery channel": Fault(
        fail_channel,
        (("delivery", "channel processes up", {"process": "channel"}, 0, 0),
         ("stream", "processes up", {"process": "channel"}, 0, 0)),
        {"ProcessDown": {"process": "channel"}, "ChannelNotDelivering": {"delivery_channel": "app"}},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with closing(Collector()) as collector:
        yield collector


@pytest.fixture(scope="module")
def traffic(broker: str, collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traffic]:
    with closing(Traffic(broker, tmp_path_factory.mktemp("watched"), collector.url)) as traffic:
        traffic.start()
        yield traffic


@pytest.fixture(scope="module")
def watch(traffic: Traffic, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    targets = {kind: [f"127.0.0.1:{port}"] for kind, port in traffic.ports.items()}
    with watching(tmp_path_factory.mktemp("prometheus"), targets, PACE) as watch:
        yield watch


def shown(watch: Watch, board: str, panel: str, labels: dict[str, str]) -> list[float]:
    """Return the values that a panel shows of the series with these labels."""
    return [
        value
        for query in PANELS[board, panel].queries
        for found, value in watch.ask(query.expression.replace(RATE, WINDOW))
        if labels.items() <= found.items()
    ]


def empty_panels(watch: Watch) -> list[str]:
    """Return the queries that show nothing, or what is no number."""
    found = []
    for (board, title), panel in PANELS.items():
        for query in panel.queries:
            values = [value for _, value in watch.ask(query.expression.replace(RATE, WINDOW))]
            if not values or not all(map(math.isfinite, values)):
                found.append(f"{board}, {title}, {query.legend}: {values}")
    return found


def is_seen(watch: Watch, shows: Shown) -> bool:
    """Tell whether a panel shows such a value."""
    board, panel, labels, least, most = shows
    return any(least <= value <= most for value in shown(watch, board, panel, labels))


def plant(traffic: Traffic, watch: Watch, *faults: Fault) -> None:
    """Plant faults that nothing shows yet; wait until panels and alerts do, and then no other alert may have come."""
    unseen = [one for fault in faults for one in fault.shown]
    wait_until("calm", lambda: not watch.firing() and not any(is_seen(watch, one) for one in unseen), CALM_S)
    watch.receiver.forget()
    with ExitStack() as stack:
        for fault in faults:
            fault.plant(traffic, stack)
        wait_told(watch, unseen, {name: labels for fault in faults for name, labels in fault.fires.items()})


def wait_told(watch: Watch, unseen: list[Shown], expected: dict[str, dict[str, str]]) -> None:
    missing = expected

    def is_told() -> bool:
        nonlocal missing
        fired = watch.receiver.fired()
        missing = {
            name: labels
            for name, labels in expected.items()
            if not any(labels.items() <= found.items() for found in fired.get(name, []))
        }
        unseen[:] = [one for one in unseen if not is_seen(watch, one)]
        return not unseen and not missing

    try:
        wait_until("panels and alerts", is_told)
    except AssertionError:
        raise AssertionError(f"panels that do not show it: {unseen}; alerts that did not come: {missing}") from None
    assert watch.receiver.fired().keys() == expected.keys()


def test_every_panel_shows_finite_numbers(watch: Watch) -> None:
    empty = ["nothing asked yet"]

    def all_shown() -> bool:
        empty[:] = empty_panels(watch)
        return not empty

    try:
        wait_until("numbers on every panel", all_shown)
    except AssertionError:
        raise AssertionError(f"not finite: {empty}") from None


def test_nothing_fires_while_all_is_well(watch: Watch) -> None:
    assert (watch.firing(), watch.receiver.fired()) == (set(), {})


def test_what_was_done_for_a_sampled_event_can_be_followed_to_its_delivery(watch: Watch, collector: Collector) -> None:
    def followed() -> dict[str, Span] | None:
        found: dict[bytes, dict[str, Span]] = {}
        for span in collector.spans():
            found.setdefault(span.parent_span_id, {}).setdefault(span.name, span)  # the report is ingested as well
        return next((spans for spans in found.values() if spans.keys() == {"ingest", "decide", "deliver"}), None)

    spans = wait_until("a trace", followed)
    assert {span.trace_id.hex() for span in spans.values()} == {TRACE}
    assert spans["ingest"].end_time_unix_nano <= spans["decide"].end_time_unix_nano
    assert spans["decide"].end_time_unix_nano <= spans["deliver"].end_time_unix_nano
    assert {int.from_bytes(span.parent_span_id, "big") % 2 for span in collector.spans()} == {1}
    assert collector.services() == {"continuo-worker", "continuo-channel"}


def test_a_worker_that_lags_is_told(traffic: Traffic, watch: Watch) -> None:
    plant(traffic, watch, LAG)


def test_faults_at_once_are_told_each_by_its_own_alerts(traffic: Traffic, watch: Watch) -> None:
    plant(traffic, watch, *FAULTS.values())


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_alone_is_told_by_its_own_alerts_alone(traffic: Traffic, watch: Watch, fault: str) -> None:
    plant(traffic, watch, FAULTS[fault])
