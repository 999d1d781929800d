"""A new project is complete, is nobody's but its owner's, and takes the place of nothing."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from agents.__main__ import cli
from agents.api.callers import Callers
from agents.policy_files import load_policy
from agents.scenarios.comparing import play_all
from agents.starter.laying import TEMPLATE, lay


def test_it_has_a_policy_without_doubts_and_a_scenario_that_holds(tmp_path: Path) -> None:
    lay(tmp_path / "shop")
    linted = CliRunner().invoke(cli, ["policy", "lint", str(tmp_path / "shop" / "policy"), "--strict"])
    assert (linted.exit_code, linted.output) == (0, "")
    _, policy = load_policy(tmp_path / "shop" / "policy")
    assert (policy.name, sorted(policy.models)) == ("shop", ["buys"])
    assert [result.is_as_expected for result in play_all(tmp_path / "shop" / "policy", (), write=False)] == [True]


def test_its_key_lets_in_is_read_by_its_owner_alone_and_is_another_each_time(tmp_path: Path) -> None:
    keys = set()
    for name in ("shop", "other"):
        lay(tmp_path / name)
        file = tmp_path / name / "website.key"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        key = file.read_text().strip()
        callers = Callers(tmp_path / name / "callers.toml")
        assert callers.caller({"Authorization": f"Bearer {key}"}, b"", "decide", 0).name == "website"
        keys.add(key)
    assert len(keys) == 2


@pytest.mark.parametrize("there", ["a file", "a full folder"])
def test_what_stands_there_is_left_alone(tmp_path: Path, there: str) -> None:
    place = tmp_path / "shop"
    mine = place if there == "a file" else place / "mine"
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    told = CliRunner().invoke(cli, ["new", str(place)])
    assert told.exit_code == 1
    assert "nothing was written" in told.stderr
    assert mine.read_text() == "mine"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [mine]


def test_every_file_of_its_table_is_there(tmp_path: Path) -> None:
    laid = {str(path) for path in lay(tmp_path / "shop")}
    readme = (TEMPLATE / "README.md").read_text(encoding="utf-8")
    named = {name for line in readme.splitlines() if line.startswith("| `") for name in line.split("`")[1::2]}
    files = {name for name in named if "." in name}
    assert files <= laid
    assert laid - files == {".gitignore", "README.md", "policy/deployment.yaml", *(f for f in laid if "scenarios" in f)}
