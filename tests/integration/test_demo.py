"""`continuo demo` as a person runs it, on a part of the year."""

import json
import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import psutil
import pytest

from agents.settings import PREFIX
from examples.grocery import adapter
from examples.grocery.tables import load
from tests.brokers import free_port
from tests.processes import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
HOUSEHOLDS = 60
UNTIL = "2017-02-20"


def demo(broker: str, home: Path) -> subprocess.Popen[str]:
    outside = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    told = {"BROKER": broker, "HOME": str(home), "PARTITIONS": "2", "WEB_PORT": str(free_port())}
    argv = ["-m", "agents", "demo", "--households", str(HOUSEHOLDS), "--until", UNTIL]
    return subprocess.Popen(
        [sys.executable, *argv], cwd=ROOT, env=outside | {PREFIX + name: value for name, value in told.items()},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def test_a_part_of_the_year_is_played_and_told(broker: str, tmp_path: Path) -> None:
    year = load(HOUSEHOLDS, date.fromisoformat(UNTIL))
    with demo(broker, tmp_path) as process:
        out, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    summary = json.loads((tmp_path / "demo" / "summary.json").read_text(encoding="utf-8"))
    acted = sum(summary["activations"].values())
    baskets = len(year.baskets.basket_id)
    assert summary["events_in"] == summary["events_accepted"] == adapter.count(year) + acted
    assert summary["decisions"] == summary["triggers"] == baskets
    assert summary["dead_letters"] == {}
    assert acted + sum(summary["withheld"].values()) == baskets
    assert acted > baskets / 10
    assert summary["examples"] >= 2 * baskets
    assert summary["credited_value"]["amount"] > 0
    delivered = (tmp_path / "demo" / "channels").glob("*.jsonl")
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in delivered) == acted
    assert "not caused by our decisions" in out
    assert "continuo explain" in out


def test_a_demo_that_is_ended_leaves_no_process(broker: str, tmp_path: Path) -> None:
    with demo(broker, tmp_path) as process:
        wait_until("the demo's processes run", lambda: len(children(process)) >= 6)
        crew = children(process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
        assert process.returncode == 1
    assert [one for one in crew if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []


def test_a_demo_that_is_killed_leaves_no_process(broker: str, tmp_path: Path) -> None:
    with demo(broker, tmp_path) as process:
        wait_until("the demo's processes run", lambda: len(children(process)) >= 6)
        crew = children(process)
        process.kill()
        process.wait(20)
        wait_until("its processes have ended", lambda: not any(one.is_running() for one in crew))
