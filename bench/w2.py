"""W2: what the transport costs, beside a loop written by hand and stock Faust. A run whose output is wrong is void."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from agents import broker
from bench import machine
from bench.meter import BROKER_PID
from tests import toy, witness
from tests.brokers import free_port
from tests.toy_deployment import PARTITIONS, ToyDeployment

TEXT = "x" * 200  # makes an event 300 bytes
KEYS = 2_500  # per partition: 20,000 people
RUN_S = 600
FOREIGN_MAX = 0.05  # share of the machine that other processes may use


@dataclass(frozen=True)
class Peer:
    """One way to do the work."""

    module: str
    title: str
    guarantee: str
    events: int  # stock Faust gets fewer: its cost an event is the same, its time is not
    changelog: Callable[[ToyDeployment], str]
    row_key: Callable[[bytes], bytes]


def ours_key(key: bytes) -> bytes:
    """Return a person's key in our changelog."""
    return b"P" + key


PEERS = (
    Peer("bench.w2_ours", "our transport", "exactly once", 400_000, lambda d: d.topic("changelog"), ours_key),
    Peer("bench.w2_loop", "aiokafka by hand, a transaction per 100 ms", "exactly once", 400_000,
         lambda d: d.topic("changelog"), ours_key),
    Peer("bench.w2_faust", "stock Faust, table and one output", "at least once", 30_000,
         lambda d: f"{d.group}-stock-rows-changelog", bytes),
)  # fmt: skip


def run(rounds: int) -> int:
    """Measure all peers in turn, that many rounds, and write the section."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        address = broker.start(home, free_port())
        try:
            lines = [measure(peer, address, home) for _ in range(rounds) for peer in PEERS]
        finally:
            broker.stop(home)
    machine.write_section("W2: profile, changelog, one output", told(lines, rounds))
    print(told(lines, rounds))
    return 0


def measure(peer: Peer, address: str, home: Path) -> dict[str, Any]:
    """Run one peer on a namespace of its own, verify what it wrote, and return what it measured."""
    deployment = ToyDeployment(address, home, keys=KEYS, text=TEXT)
    deployment.feed(peer.events)
    arguments = [sys.executable, "-m", peer.module, str(peer.events)]
    environment = deployment.environment() | {BROKER_PID: str(broker.status(home).pid)}
    done = subprocess.run(arguments, env=environment, stdout=subprocess.PIPE, text=True, timeout=RUN_S, check=True)
    line: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    verify(peer, deployment)
    line |= {"peer": peer.module, "us": line["cpu_s"] / line["events"] * 1e6}
    # In shares of the machine, as the rule has it: a run on which others spend more than 5 % is void.
    line["foreign"] = (
        max(0.0, line["busy_s"] - line["cpu_s"] - line["broker_s"]) / line["wall_s"] / (os.cpu_count() or 1)
    )
    print(json.dumps(line), flush=True)
    return line


def verify(peer: Peer, deployment: ToyDeployment) -> None:
    """Compare outputs (order included) and final rows with a sequential run over the source."""
    source = witness.read(deployment.broker, deployment.topic("raw-events"), PARTITIONS)
    outputs = witness.read(deployment.broker, deployment.topic("events"), PARTITIONS)
    if [_said(one) for one in outputs] != [_said(one) for one in source]:
        raise SystemExit(f"void: the outputs of {peer.module} differ from a sequential run's")
    rows: dict[bytes, toy.Row] = {}
    for record in source:
        row = rows.setdefault(record.key or b"", toy.Row())
        row.events, row.offset = row.events + 1, record.offset
        row.total += toy.decode_event(record.value or b"").amount
    kept = {one.key: one.value for one in witness.read(deployment.broker, peer.changelog(deployment), PARTITIONS)}
    if any(kept.get(peer.row_key(key)) != toy.encode_row(row) for key, row in rows.items()):
        raise SystemExit(f"void: the rows of {peer.module} differ from a sequential run's")


def _void(lines: list[dict[str, Any]]) -> list[str]:
    """Return what has to be said of a machine that was not ours alone."""
    worst = max(line["foreign"] for line in lines)
    if worst <= FOREIGN_MAX:
        return []
    told = f"**Void by our own rule**: others used up to {worst:.0%} of the machine meanwhile (5 % are allowed)."
    return [told, "CPU an event is then too high in every row; ratios hold roughly, wall rates do not."]


def _said(record: witness.Seen) -> tuple[int, bytes | None, bytes | None]:
    return record.partition, record.key, record.value


def told(lines: list[dict[str, Any]], rounds: int) -> str:
    """Return the section: a table of medians with spread and ratios, then the raw lines."""
    ours = median(line["us"] for line in lines if line["peer"] == PEERS[0].module)
    text = [
        f"{machine.description()}.",
        f"{PARTITIONS} partitions, 300 B events, {KEYS * PARTITIONS:,} people, {rounds} interleaved rounds.",
        "Outputs and changelog of every run equal a sequential run's.",
        *_void(lines),
        "",
        "| | guarantee | µs/event: median (lowest–highest) | events/s, wall | RSS MB | CPU, ours = 1 |",
        "|---|---|---|---|---|---|",
    ]
    for peer in PEERS:
        mine = [line for line in lines if line["peer"] == peer.module]
        costs = [line["us"] for line in mine]
        text.append(
            f"| {peer.title} | {peer.guarantee} | {median(costs):.2f} ({min(costs):.2f}–{max(costs):.2f}) "
            f"| {median(line['events'] / line['wall_s'] for line in mine):,.0f} "
            f"| {max(line['rss_mb'] for line in mine)} | {median(costs) / ours:.2f} |"
        )
    text += ["", "<details><summary>raw lines</summary>", "", "```json", *(json.dumps(line) for line in lines), "```"]
    return "\n".join([*text, "", "</details>"])
