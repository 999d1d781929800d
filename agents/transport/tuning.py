"""Numbers of the transport that an operator rarely touches, with the reason for each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tuning:
    """Times and bounds of a worker's transport."""

    commit_interval_ms_max: int = 200  # CPU follows commits: 200 ms in backlog still keeps a reader within 0.3 s
    pending_max: int = 4_000  # records of a partition applied, not committed: bounds memory and what a crash repeats
    transaction_timeout_s: float = 30.0  # a commit that stalls longer is fenced by the broker anyway
    session_s: float = 6.0  # how long the group waits for a worker that nobody reported dead
    heartbeat_s: float = 0.3  # bounds how late a worker learns of a rebalance, hence failover
    rebalance_s: float = 10.0
    fetch_wait_ms: int = 100  # bounds the stall of a partition that was left out of a fetch
    fetch_bytes_max: int = 1 << 20  # per partition
    turn_ms_max: int = 10  # computing without a break, so that commits, answers and heartbeats are not kept waiting
    turn_ms_max_history: int = 50  # the same where no decision is waited for: longer turns ask models in larger batches
    settle_s: float = 2.0  # for the changelog's last stable offset to reach its high watermark after fencing
    web_enabled: bool = True
