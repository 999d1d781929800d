"""Faust, mode and aiokafka are subclassed below their public surface: each private name that is used stands here."""

from __future__ import annotations

import ast
import inspect
from importlib.metadata import version
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy
from faust.app.base import App
from faust.transport.consumer import Consumer, Fetcher, ThreadDelegateConsumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.transport.drivers.aiokafka import Consumer as DriverConsumer
from mode.services import Service

PINNED = {"faust-streaming": "0.15.3", "mode-streaming": "0.7.1", "aiokafka": "0.14.0"}

OVERRIDDEN = [  # (owner, name, the function that calls it)
    (App, "_new_transport", vars(App)["transport"].fget),
    (Service, "_crash", Service.crash),
    (DriverConsumer, "_new_consumer_thread", DriverConsumer.__init__),
    (Consumer, "_drain_messages", Fetcher._fetcher.fun),
    (Consumer, "_filter_tps_with_pending_acks", Consumer.force_commit),
    (AIOKafkaConsumerThread, "_create_worker_consumer", AIOKafkaConsumerThread._create_consumer),
    (AIOKafkaConsumerThread, "_fetch_records", AIOKafkaConsumerThread.getmany),
]

CALLED = [
    (Consumer, "_get_active_partitions"), (DriverConsumer, "_getmany"), (AIOKafkaClient, "_wait_on_metadata"),
    (fetcher.Fetcher, "_create_fetch_waiter"), (fetcher.PartitionRecords, "_consume_aborted_up_to"),
    (fetcher.PartitionRecords, "_contains_abort_marker"), (_DefaultRecordBatchPy, "_maybe_uncompress"),
]  # fmt: skip

ATTRIBUTES = [  # (function that sets it, name)
    (Consumer.__init__, "_read_offset"),
    (Service.__init__, "_stopped"),
    (App._stop_consumer, "_consumer"),
    (_DefaultRecordBatchPy.__init__, "_buffer"),
    (_MemoryRecordsPy._cache_next, "_next_slice"),
    (ThreadDelegateConsumer.__init__, "_thread"),
    (AIOKafkaConsumer.__init__, "_closed"),
    (AIOKafkaConsumer.start, "_fetcher"),
    (AIOKafkaConsumer.start, "_coordinator"),
    (GroupCoordinator.__init__, "_pending_exception"),
    (fetcher.Fetcher.__init__, "_records"),
    (fetcher.Fetcher.__init__, "_subscriptions"),
    (fetcher.FetchResult.__init__, "_partition_records"),
    *((fetcher.PartitionRecords.__init__, name) for name in (
        "_tp", "_records", "_records_iterator", "_check_crcs", "_isolation_level", "_aborted_producers",
    )),
]


@pytest.mark.parametrize("package", PINNED)
def test_the_packages_are_the_ones_whose_insides_were_read(package: str) -> None:
    assert version(package) == PINNED[package]


@pytest.mark.parametrize(("owner", "name", "caller"), OVERRIDDEN, ids=lambda value: getattr(value, "__name__", value))
def test_what_we_override_is_still_called(owner: type, name: str, caller: object) -> None:
    assert callable(getattr(owner, name))
    assert name in inspect.getsource(inspect.unwrap(caller))  # type: ignore[arg-type]


@pytest.mark.parametrize(("owner", "name"), CALLED, ids=lambda value: getattr(value, "__name__", value))
def test_what_we_call_is_still_there(owner: type, name: str) -> None:
    assert callable(getattr(owner, name))


@pytest.mark.parametrize(("function", "name"), ATTRIBUTES, ids=lambda value: getattr(value, "__qualname__", value))
def test_what_we_read_is_still_set(function: object, name: str) -> None:
    assert f"self.{name}" in inspect.getsource(function)  # type: ignore[arg-type]


def test_what_came_is_unpacked_by_the_name_that_we_put_another_under() -> None:
    assert "MemoryRecords(" in inspect.getsource(fetcher.Fetcher._proc_fetch_request)


def test_an_assignor_may_be_an_instance() -> None:
    assert {"assign", "metadata", "on_assignment", "name"} <= set(dir(AbstractPartitionAssignor))


def test_no_other_private_name_is_used(root: Path) -> None:
    listed = {name for _, name, *_ in [*OVERRIDDEN, *CALLED]} | {name for _, name in ATTRIBUTES}
    used: set[str] = set()
    own: set[str] = set()
    for path in (root / "agents" / "transport").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                (own if isinstance(node.ctx, ast.Store) else used).add(node.attr)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                own.add(node.name)
    assert used - own - {"_exit"} <= listed
