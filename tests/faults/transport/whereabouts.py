"""Where a worker stands: what each of its shards waits for, what its consumer wants to see next, what every task does.

For a run that stalls: the worker writes it to stderr on SIGUSR2.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import traceback
from collections.abc import Iterator
from typing import Any

from agents.transport.app import StreamApp


def tell_on_signal(app: StreamApp) -> None:
    """Write it whenever SIGUSR2 comes."""

    def told(*_: object) -> None:
        sys.stderr.write("\n".join(["=== whereabouts", *whereabouts(app), "=== end", ""]))
        sys.stderr.flush()

    signal.signal(signal.SIGUSR2, told)


def whereabouts(app: StreamApp) -> Iterator[str]:
    """Yield lines."""
    for part in (_app, _shards, _consumer, _coordinator, _tasks, _threads):
        try:
            yield from part(app)
        except Exception as error:  # noqa: BLE001 — half a picture is better than none
            yield f"{part.__name__}: {error!r}"


def _app(app: Any) -> Iterator[str]:
    yield (
        f"app: rebalancing={app.rebalancing} generation={app.consumer_generation_id} should_stop={app.should_stop} "
        f"flow_control={app.flow_control.is_active()}"
    )
    for agent in app.agents.values():
        for actor in agent._actors:
            yield f"agent {agent.name}: queue={actor.stream.channel.queue.qsize()} actor={actor}"


def _shards(app: Any) -> Iterator[str]:
    shards = app.shards
    yield f"shards: generation={shards.generation} draining={shards._draining} assigning={shards._assigning.locked()}"
    for number, shard in shards.shards.items():
        share = shard.committer
        yield (
            f"shard {number}: step={shard.position.step} wake_at={shard.wake_at} held={shard.held} "
            f"full={shard.applier.is_full()} pending={share.pending} dirty={share._is_dirty} "
            f"places={shard.position.places}"
        )
        for source in shard.sources.values():
            yield f"  {source.topic}: next={source.next_offset} records={source.records} paused={source.paused}"


def _consumer(app: Any) -> Iterator[str]:
    consumer = app._consumer
    yield (
        f"consumer: flow_active={consumer.flow_active} epoch={consumer._epoch} discarded={consumer._discarded} "
        f"suspects={consumer._suspects} active={sorted(consumer._active_partitions)} "
        f"paused={sorted(consumer._paused_partitions)} buffered={sorted(consumer._buffered_partitions)}"
    )
    kafka = consumer._thread._consumer
    fetcher = kafka._fetcher
    yield f"fetcher: in_flight={fetcher._in_flight} records={list(fetcher._records.items())}"
    for tp in sorted(kafka.assignment()):
        state = kafka._subscription.subscription.assignment.state_value(tp)
        yield (
            f"  {tp.topic}/{tp.partition}: wanted={consumer._next.get(tp)} position={state._position} "
            f"highwater={state.highwater} lso={state.lso} status={state._status}"
        )


def _coordinator(app: Any) -> Iterator[str]:
    coordinator = app._consumer._thread._consumer._coordinator
    yield (
        f"coordinator: node={coordinator.coordinator_id} generation={coordinator.generation} "
        f"member={coordinator.member_id} rejoin={coordinator._rejoin_needed_fut.done()} "
        f"task={coordinator._coordination_task} pending={coordinator._pending_exception!r} "
        f"heartbeat={coordinator._heartbeat_task}"
    )


def _tasks(app: Any) -> Iterator[str]:
    for loop in (app.loop, app._consumer._thread.thread_loop):
        for task in asyncio.all_tasks(loop):
            yield f"task {task.get_name()}: {' > '.join(_awaited(task.get_coro()))}"


def _awaited(waiting: Any) -> Iterator[str]:
    """Yield where each coroutine of the chain stands, the outermost first."""
    while waiting is not None:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "gi_frame", None)
        if frame is None:
            yield repr(waiting)[:200]
            return
        yield f"{frame.f_code.co_qualname}:{frame.f_lineno}"
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "gi_yieldfrom", None)


def _threads(app: Any) -> Iterator[str]:
    del app
    for number, frame in sys._current_frames().items():
        yield f"thread {number}: {''.join(traceback.format_stack(frame, 6))}"
