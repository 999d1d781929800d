"""The command line: it teaches, imports only what runs, and tells an error once."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from importlib.metadata import version
from pathlib import Path
from types import FunctionType

import click
import pytest
from click.testing import CliRunner

import agents.commands
from agents.__main__ import cli, summary
from agents.errors import UserError
from streams.step import Step

NAMES = cli.list_commands(click.Context(cli))


@pytest.fixture
def extra_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder whose modules are commands too, beside the real ones."""
    monkeypatch.setattr(agents.commands, "__path__", [str(tmp_path)])
    return tmp_path


def command_that(body: str) -> str:
    return '"""Test a thing."""\nimport click\nfrom agents.errors import UserError\n' + textwrap.dedent(f"""
        @click.command()
        def command() -> None:
            \"\"\"Test a thing.\"\"\"
            {body}
        """)


def test_the_listing_teaches_every_command_without_importing_it() -> None:
    code = (
        "import sys\n"
        "from agents.__main__ import cli\n"
        "try: cli(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'faust', 'aiokafka', 'numpy', 'pandas', 'river', 'onnxruntime', 'pydantic', 'jgo', 'aiohttp'}\n"
        "print('imported:', sorted(heavy & sys.modules.keys()))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "imported: []" in ran.stdout
    for name in NAMES:
        assert f"  {name} " in ran.stdout


@pytest.mark.parametrize("name", NAMES)
def test_a_command_says_what_it_does(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert summary(name)
    assert len(summary(name)) <= 80
    ran = CliRunner().invoke(cli, [name, "--help"])
    assert ran.exit_code == 0, ran.output
    assert len(ran.output.splitlines()) > 5, "a help text teaches: what, an example, what it reads"
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts[0]} has no help"


def test_a_command_that_does_not_exist_is_told_with_those_that_do() -> None:
    ran = CliRunner().invoke(cli, ["upp"])
    assert ran.exit_code == 2
    assert "there is no command 'upp'" in ran.output
    assert all(name in ran.output for name in NAMES)


def test_an_error_for_the_user_is_one_message_and_its_exit_code(extra_commands: Path) -> None:
    (extra_commands / "test_refusal.py").write_text(command_that("raise UserError('no broker: start one', 3)"))
    ran = CliRunner().invoke(cli, ["test-refusal"])
    assert ran.exit_code == 3
    assert ran.output == "continuo: no broker: start one\n"


def test_an_error_nobody_expected_keeps_its_traceback(extra_commands: Path) -> None:
    (extra_commands / "test_surprise.py").write_text(command_that("raise ZeroDivisionError"))
    ran = CliRunner().invoke(cli, ["test-surprise"])
    assert isinstance(ran.exception, ZeroDivisionError)


def test_the_version_is_the_projects_and_tells_which_build_of_the_core_runs() -> None:
    asked = [sys.executable, "-P", "-m", "agents", "--version"]
    ran = subprocess.run(asked, capture_output=True, text=True, check=True)
    build = "pure" if isinstance(Step.apply, FunctionType) else "compiled"
    assert ran.stdout == f"continuo, version {version('continuo')}, core {build}\n"


def test_a_user_error_ends_with_one_unless_it_says_otherwise() -> None:
    assert UserError("x").exit_code == 1
    assert UserError("x", 78).exit_code == 78
