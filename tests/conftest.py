"""Fixtures that more than one part's tests use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agents.build import core_build
from agents.settings import PREFIX

pytest_plugins = ["tests.brokers", "tests.secured"]

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """Have `--core`, by which `make test-compiled` makes sure of what it tests."""
    parser.addoption("--core", choices=("pure", "compiled"), default=None, help="test no other build of the core")


def pytest_configure(config: pytest.Config) -> None:
    """End at once if the core is another build than is asked for."""
    asked = config.getoption("--core")
    if asked not in (None, core_build()):
        raise pytest.UsageError(f"--core: expected the {asked} core, found the {core_build()} one")


def pytest_report_header() -> str:
    """Tell which build of the core is tested."""
    return f"core: {core_build()}"


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def pure_core() -> None:
    """Leave a test out on a compiled core, whose functions and constants it cannot change."""
    if core_build() == "compiled":
        pytest.skip("changes the core, which only plain Python lets it do")


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return an empty current folder, with no setting of the outside in force: no CONTINUO_ variable, no file."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path
