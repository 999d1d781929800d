"""Puts the simulation in place of what the transport's modules have outside: clock, chance, network, and their end."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import pytest

from agents import app, policies
from agents.transport import assignment, committer, control, restore, shard, shards
from agents.transport.errors import EXIT_TRANSPORT
from agents.transport.host import GC_THRESHOLDS
from agents.vault import PersonalVault
from streams.policy import Policy, bundle_hash, compile_policy
from tests.simulation.clients import SimulatedConnections, SimulatedConsumer, SimulatedTransactions, fetch
from tests.simulation.worker import End, here


class Ended(BaseException):
    """This process has ended itself."""


def _now() -> float:
    return here().loop.time()


def _die(
    reason: str, cause: BaseException | None = None, *, exit_code: int = EXIT_TRANSPORT, bug: bool = False
) -> NoReturn:
    here().die(End(reason, cause, exit_code, bug))
    raise Ended


def _transactions(client: object, transactional_id: str, timeout_s: float, codec: int) -> SimulatedTransactions:
    worker = here()
    return SimulatedTransactions(worker.log, worker.line, transactional_id)


def _reader(servers: str, *, committed: bool) -> SimulatedConsumer:
    worker = here()
    return SimulatedConsumer(worker.log, worker.line, committed=committed)


def _consumer(_servers: str, *, isolation_level: str, **_: Any) -> SimulatedConsumer:
    return _reader("", committed=isolation_level == "read_committed")


_compiled: Final[dict[str, Policy]] = {}


def _compile(bundle: dict[str, Any]) -> Policy:
    name = bundle_hash(bundle)
    if name not in _compiled:
        _compiled[name] = compile_policy(bundle)
    return _compiled[name]


def compiled(policy_hash: str) -> Policy:
    """Return a policy that some worker has compiled."""
    return _compiled[policy_hash]


@contextmanager
def simulated() -> Iterator[None]:
    """Put the simulation in place of the clock, the keys' chance, the network and the end of a worker."""
    with pytest.MonkeyPatch.context() as patch:
        for module, clocks in {
            assignment: ("monotonic",), committer: ("monotonic", "time"), shard: ("perf_counter",), shards: ("time",),
        }.items():  # fmt: skip
            for clock in clocks:
                patch.setattr(module, clock, _now)
        for module in (committer, control, restore, shards):
            patch.setattr(module, "die", _die)
        patch.setattr(shards, "new_client", lambda *_: SimulatedConnections())
        patch.setattr(shards, "uuid4", lambda: here().id)
        patch.setattr(shards, "Transactions", _transactions)
        patch.setattr(restore, "fetch", fetch)
        patch.setattr(assignment, "reader", _reader)
        patch.setattr(control, "new_consumer", _consumer)
        patch.setattr(app, "PersonalVault", lambda _: PersonalVault(b"simulation"))
        patch.setattr(policies, "compile_policy", _compile)
        before = gc.get_threshold()
        gc.set_threshold(*GC_THRESHOLDS)
        try:
            yield
        finally:
            gc.set_threshold(*before)
