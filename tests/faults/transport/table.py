"""The one table of the transport's faults."""

from __future__ import annotations

from typing import Final

from tests.faults.transport.brokers import kill_broker, kill_controller, kill_coordinator, kill_leader, restarted
from tests.faults.transport.fault import SLOW, Fault
from tests.faults.transport.kills import died_at_point, kill_all, kill_at, kill_one_by_one, killed
from tests.faults.transport.points import POINTS
from tests.faults.transport.rebalances import came_and_went, storm, storm_and_kill
from tests.faults.transport.worker import Setup
from tests.faults.transport.zombies import aborted, fenced, freeze_past_session, freeze_past_transaction

LED_THERE: Final = ("revoked", "fenced", "restoring", "assigned")  # nobody passes these while nothing happens

FAULTS: Final = (
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
)
BY_NAME: Final = {fault.name: fault for fault in FAULTS}
