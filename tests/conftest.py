"""Fixtures that more than one part's tests use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agents.settings import PREFIX

pytest_plugins = ["tests.brokers"]

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the checkout."""
    return ROOT


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return an empty current folder, with no setting of the outside in force: no CONTINUO_ variable, no file."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path
