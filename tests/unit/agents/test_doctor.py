"""What the doctor finds on a machine, and that each thing that is not ok comes with what helps."""

from __future__ import annotations

import json
import resource
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from agents.__main__ import cli
from agents.doctor import machine
from agents.doctor.finding import Finding
from tests.brokers import free_port


class Usage(NamedTuple):
    """What `shutil.disk_usage` returns."""

    total: int
    used: int
    free: int


def test_a_module_that_two_packages_bring_is_told_with_both_and_what_to_do() -> None:
    brought = {"avro": ["avro-python3", "avro"], "faust": ["faust-streaming"], "msgspec": ["msgspec", "msgspec"]}
    (found,) = machine.packages(brought)
    assert found.state == "wrong"
    assert "avro is brought by avro and by avro-python3" in found.what
    assert found.remedy.startswith("pip uninstall avro; ")
    assert [one.state for one in machine.packages({"faust": ["faust-streaming"]})] == ["ok"]


def test_what_is_required_and_not_there_or_another_version_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["nowhere-to-be-found>=1", "click<1", "msgspec>=0.1", 'win-only>=1; platform_system == "Windows"']
    monkeypatch.setattr(machine, "requires", lambda name: wanted)
    told = [found.what for found in machine.versions()]
    assert told[0] == "nowhere-to-be-found>=1 is not installed"
    assert told[1].startswith("click is ")
    assert len(told) == 2


@pytest.mark.parametrize(("free", "state"), [(1 << 29, "wrong"), (5 << 30, "doubt"), (50 << 30, "ok")])
def test_a_disk_that_fills_is_told_before_it_is_full(
    free: int, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Usage(1, 1, free))
    found = machine.disk(tmp_path / "not" / "there" / "yet")
    assert found.state == state
    assert bool(found.remedy) is (state != "ok")


@pytest.mark.parametrize(("limit", "state"), [(256, "doubt"), (4_096, "ok"), (resource.RLIM_INFINITY, "ok")])
def test_few_open_files_are_a_doubt(limit: int, state: str) -> None:
    assert machine.files(limit).state == state


@pytest.mark.parametrize(("status", "state"), [(None, "ok"), (0, "ok"), (0x40, "doubt"), (0x2041, "doubt")])
def test_a_clock_that_nobody_keeps_right_is_a_doubt(
    status: int | None, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_clock_status", lambda: status)
    assert machine.clock().state == state


def test_this_machine_is_fit_to_run_the_tests(tmp_path: Path) -> None:
    assert [found.what for found in machine.look(tmp_path) if found.state == "wrong"] == []


def test_settings_that_are_wrong_are_found_like_anything_else(
    bare_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTINUO_PARTITIONS", "none")
    monkeypatch.setenv("CONTINUO_MOOD", "live")
    told = CliRunner().invoke(cli, ["doctor", "--json"])
    (wrong,) = [Finding(**one) for one in json.loads(told.stdout)["findings"] if one["state"] == "wrong"]
    assert told.exit_code == 1
    assert "CONTINUO_PARTITIONS" in wrong.what
    assert "CONTINUO_MOOD" in wrong.what


def test_without_a_kafka_it_says_how_to_get_one(bare_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = CliRunner().invoke(cli, ["doctor"])
    assert told.exit_code == 0
    assert "doubt   no Kafka is running\n        → continuo up" in told.output
    monkeypatch.setenv("CONTINUO_BROKER", f"127.0.0.1:{free_port()}")
    told = CliRunner().invoke(cli, ["doctor"])
    assert told.exit_code == 1
    assert "wrong   CONTINUO_BROKER names a Kafka that does not answer" in told.output
