"""Scenarios: what is wrong in one is told with its place, and what happens otherwise is told line by line."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from agents.commands.policy import command
from agents.errors import UserError
from agents.policy_files import load_policy
from agents.scenarios.comparing import play_all
from agents.scenarios.reading import read_scenario

TELECOM: Final = Path(__file__).resolve().parents[3] / "examples/telecom/policy"
EVENT: Final = '{at: "2027-06-02 10:00", person: ann, type: usage_reported, category: mobile, gigabytes: 2}'


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """Return the example's policy without its scenarios."""
    shutil.copytree(TELECOM, tmp_path / "policy", ignore=shutil.ignore_patterns("scenarios"))
    return tmp_path / "policy"


def write(policy: Path, text: str, name: str = "one") -> Path:
    folder = policy / "scenarios" / name
    folder.mkdir(parents=True)
    (folder / "scenario.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("events: []", "a scenario needs 'about'"),
        ("about: x\nevents: {}", "expected a list of events"),
        (f"about: x\nevents:\n  - {EVENT.replace('usage_reported', 'usage')}", "unknown event type 'usage'"),
        (f"about: x\nevents:\n  - {EVENT.replace('10:00', '25:00')}", "expected a date or a time such as"),
        (f"about: x\nevents:\n  - {EVENT.replace('gigabytes: 2', 'gigabytes: much')}", "refused: mistyped:gigabytes"),
        (f"about: x\nevents:\n  - {EVENT.replace('gigabytes', 'gigabyte')}", "unknown field of a event"),
        (f"about: x\nevents:\n  - {EVENT[:-1]}, consent: {{email: 1}}}}", "expected scopes with true or false"),
        (f"about: x\nmodels: {{churns: 1}}\nevents: [{EVENT}]", "did you mean 'churn'"),
        (f"about: x\nmodels: {{churn: high}}\nevents: [{EVENT}]", "expected a number, got 'high'"),
        (f"about: x\nmodels: {{extend: {{mob: 1}}}}\nevents: [{EVENT}]", "unknown categories mob"),
        (f"about: x\nuntil: 2027-01-01\nevents: [{EVENT}]", "expected an instant at or after the last event"),
        (f"about: x\nevents:\n  - {EVENT.replace('06-02', '06-03')}\n  - {EVENT}", "in the order in which they happen"),
        (f"about: x\nexpect: [1]\nevents: [{EVENT}]", "expected a line of text, got 1"),
    ],
)
def test_what_is_wrong_is_told_with_its_file_and_line(policy: Path, text: str, said: str) -> None:
    folder = write(policy, text)
    with pytest.raises(UserError) as refused:
        read_scenario(folder, load_policy(policy)[1])
    assert said in str(refused.value)
    assert "the scenario one cannot be read" in str(refused.value)


def test_a_report_about_nothing_that_was_sent_is_a_clear_error(policy: Path) -> None:
    write(policy, 'about: x\nevents: [{at: "2027-06-02", person: ann, type: activation_complained, channel: email}]')
    with pytest.raises(UserError, match="event 1: nothing was sent to ann by email yet"):
        list(play_all(policy, [], write=False))


def test_what_happens_otherwise_is_told_line_by_line_and_written_if_wanted(policy: Path) -> None:
    folder = write(policy, f"about: Something\nevents: [{EVENT}]")
    run = CliRunner().invoke(command, ["test", str(policy)])
    assert run.exit_code == 1
    assert run.output == (
        "FAILED  one: Something\n  + 2027-06-02 10:00 ann: at usage nothing is chosen: consent\n"
    )  # fmt: skip
    assert CliRunner().invoke(command, ["test", str(policy), "--write"]).exit_code == 0
    assert (folder / "expect.yaml").exists()
    again = CliRunner().invoke(command, ["test", str(policy), "one"])
    assert (again.exit_code, again.output) == (0, "ok      one: Something\n")


def test_what_is_expected_is_not_written_into_a_file_with_something_else(policy: Path) -> None:
    write(policy, f"about: Something\nevents: [{EVENT}]\nexpect: [nothing]")
    with pytest.raises(UserError, match=r"to stand in expect\.yaml"):
        list(play_all(policy, [], write=True))


def test_an_unknown_scenario_and_a_policy_without_any_are_clear_errors(policy: Path) -> None:
    with pytest.raises(UserError, match="expected a folder for each scenario, found none"):
        list(play_all(policy, [], write=False))
    write(policy, f"about: x\nevents: [{EVENT}]")
    with pytest.raises(UserError, match="did you mean 'one'"):
        list(play_all(policy, ["onee"], write=False))
