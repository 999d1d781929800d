"""The one table of the transport's faults."""

from __future__ import annotations

from typing import Final

from tests.faults.transport.brokers import kill_broker, kill_controller, kill_coordinator, kill_leader, restarted
from tests.faults.transport.clocks import jump
from tests.faults.transport.disk import fill_disk
from tests.faults.transport.fault import SHORT, SLOW, TRICKLE, Fault
from tests.faults.transport.kills import died_at_point, kill_all, kill_at, kill_one_by_one, killed
from tests.faults.transport.loads import SPIKE, poison, poisoned, spike
from tests.faults.transport.network import as_noted, cut, delay, swallow
from tests.faults.transport.points import POINTS
from tests.faults.transport.rebalances import came_and_went, storm, storm_and_kill
from tests.faults.transport.sources import (
    recreate_while_down,
    recreate_while_running,
    refused,
    truncate_while_down,
    truncate_while_running,
)
from tests.faults.transport.worker import Setup
from tests.faults.transport.zombies import aborted, fenced, freeze_past_session, freeze_past_transaction

ASKS: Final = Setup(patience_ms=20)
LED_THERE: Final = ("revoked", "fenced", "restoring", "assigned")  # nobody passes these while nothing happens

TRANSPORT: Final = (
    Fault(
        "kill",
        "a random worker is killed with -9 at 2 to 4 random moments",
        "a supervisor saw the kill",
        kill_one_by_one,
        killed,
    ),
    Fault(
        "kill-all",
        "all workers are killed with -9 at once, 2 or 3 times",
        "the supervisors saw the kills",
        kill_all,
        killed,
    ),
    *(
        Fault(
            f"kill-{point}",
            f"a worker is killed with -9 when {where}, twice",
            "it passed the point, and its supervisor saw the kill",
            kill_at(point, helped=point in LED_THERE),
            died_at_point,
        )
        for point, where in POINTS.items()
    ),
    Fault(
        "zombie",
        "a worker stands still past its session (SIGSTOP) and goes on (SIGCONT) when others have committed, twice",
        "it was fenced, or not recognized by the group",
        freeze_past_session,
        fenced,
        setup=Setup(session_s=3.0),
    ),
    Fault(
        "zombie-transaction",
        "a worker stands still past the timeout of its transactions, within its session, and goes on",
        "the broker aborted transactions, and it ended for that",
        freeze_past_transaction,
        aborted,
        setup=Setup(session_s=40.0, transaction_timeout_s=4.0),
        flows=SLOW,
    ),
    Fault(
        "rebalance-storm",
        "two more workers join and leave in good order in turns, as soon as they are members or a moment later",
        "members came and left in good order",
        storm,
        came_and_went,
        flows=SLOW,
    ),
    Fault(
        "rebalance-restoring",
        "the same where a restore takes up to two seconds, so that rebalances overtake restores",
        "members came and left in good order",
        storm,
        came_and_went,
        flows=SLOW,
        setup=Setup(restore_s=2.0),
    ),
    Fault(
        "rebalance-kill",
        "the same, while workers that stay are killed with -9",
        "members came and left in good order",
        storm_and_kill,
        came_and_went,
        flows=SLOW,
    ),
    Fault(
        "broker-kill",
        "the only broker is killed with -9 and started again",
        "another process is the broker",
        kill_broker,
        restarted,
    ),
    Fault(
        "leader-kill",
        "of three brokers (3 copies, 2 in sync) the leader of a changelog is killed with -9 and started again, twice",
        "another process is that node",
        kill_leader,
        restarted,
        ground="cluster",
    ),
    Fault(
        "coordinator-kill",
        "the same with the coordinator of the workers' group",
        "another process is that node",
        kill_coordinator,
        restarted,
        ground="cluster",
    ),
    Fault(
        "controller-kill",
        "the same with the active controller",
        "another process is that node",
        kill_controller,
        restarted,
        ground="cluster",
    ),
    Fault(
        "network-delay",
        "everything between workers and broker is late by 10 to 300 ms for some seconds",
        "the proxy delayed pieces",
        delay,
        as_noted,
        ground="proxied",
    ),
    Fault(
        "network-cut",
        "all connections of the workers are broken (RST), new ones at times refused for a while, four times",
        "the proxy cut connections",
        cut,
        as_noted,
        ground="proxied",
    ),
    Fault(
        "network-half-open",
        "the connections of the workers die without a word: answers are swallowed, or requests too",
        "the proxy swallowed what came on open connections",
        swallow,
        as_noted,
        ground="proxied",
    ),
    Fault(
        "disk-full",
        "the disk under the broker's logs is full; it is freed, and the broker started again where it halted",
        "the broker halted for want of space",
        fill_disk,
        as_noted,
        ground="small-disk",
    ),
    Fault(
        "clock-jump",
        "the workers' wall clocks jump by an hour ahead and back, and one of them is killed now and then",
        "outputs carry timestamps of other hours",
        jump,
        as_noted,
        ground="faked",
    ),
    Fault(
        "poison",
        "every 500th record cannot be read, and a worker is killed with -9",
        "there was poison",
        poison,
        poisoned,
        poison_every=500,
    ),
    Fault(
        "spike",
        "for some seconds ten times as many events come as before and after",
        "thousands of records waited",
        spike,
        as_noted,
        flows=SPIKE,
    ),
    *(
        Fault(
            name,
            does,
            "each worker ended with 78, naming topic, partition and offsets",
            inject,
            refused,
            flows=SHORT,
            is_refused=True,
        )
        for name, does, inject in (
            ("recreate-down", "the source is made anew while no worker runs", recreate_while_down),
            ("recreate-running", "the source is made anew under the workers' hands", recreate_while_running),
            ("truncate-down", "unread records are deleted while no worker runs", truncate_while_down),
            ("truncate-running", "unread records are deleted before the eyes of the workers", truncate_while_running),
        )
    ),
    Fault(
        "kill-waiting",
        "the stream asks after every hundredth event and waits 20 ms; a random worker is killed at 2 to 4 moments",
        "a supervisor saw the kill",
        kill_one_by_one,
        killed,
        setup=ASKS,
        flows=TRICKLE,
    ),
    Fault(
        "storm-waiting",
        "the same stream while workers come and go",
        "members came and left in good order",
        storm,
        came_and_went,
        setup=ASKS,
        flows=TRICKLE,
    ),
    Fault(
        "kill-loaded",
        "other processes take the machine, and a random worker is killed at 2 to 4 moments",
        "a supervisor saw the kill",
        kill_one_by_one,
        killed,
        load=6,
    ),
    Fault(
        "waiting-loaded",
        "both: the stream waits, the machine is taken, a random worker is killed",
        "a supervisor saw the kill",
        kill_one_by_one,
        killed,
        setup=ASKS,
        flows=TRICKLE,
        load=6,
    ),
    Fault(
        "storm-loaded",
        "workers come and go on a machine that is taken",
        "members came and left in good order",
        storm,
        came_and_went,
        flows=SLOW,
        load=6,
    ),
)
BY_NAME: Final = {fault.name: fault for fault in TRANSPORT}
