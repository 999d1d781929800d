"""The locks name every package by hash and no address; what must not meet in one environment does not."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

LOCKS = ("uv", "build", "fuzz", "mutants", "run", "demo", "dev")


@pytest.fixture(scope="module", params=LOCKS)
def lock(request: pytest.FixtureRequest, root: Path) -> str:
    return (root / "requirements" / f"{request.param}.txt").read_text(encoding="utf-8")


def pins(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE))


def test_a_lock_holds_no_address(lock: str) -> None:
    assert re.findall(r"\S*(?:://|@ )\S*|^-.*", lock, re.MULTILINE) == []


def test_every_pin_has_a_hash(lock: str) -> None:
    entries = lock.replace("\\\n", " ").splitlines()
    assert entries
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_every_dependency_is_locked(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {
        "run": [*project["dependencies"], *extras["models"]],
        "demo": [*project["dependencies"], *extras["models"], *extras["demo"]],
        "dev": [*project["dependencies"], *extras["models"], *extras["demo"], *extras["dev"]],
    }
    for name, told in wanted.items():
        locked = pins((root / "requirements" / f"{name}.txt").read_text(encoding="utf-8"))
        requirements = [requirement.partition(";")[0].strip() for requirement in told]  # without their markers
        names = {re.split(r"[\[=<>,]", requirement)[0] for requirement in requirements} - {"continuo"}
        assert names - locked.keys() == set(), f"run `make lock`: {name}.txt is behind pyproject.toml"
        exact = dict(requirement.split("==") for requirement in requirements if "==" in requirement)
        assert {package: locked[package] for package in exact} == exact


def test_the_locks_agree_with_each_other(root: Path) -> None:
    run, demo, dev = (pins((root / "requirements" / f"{name}.txt").read_text(encoding="utf-8")) for name in LOCKS[-3:])
    assert run.items() <= demo.items() <= dev.items()


def test_the_core_is_compiled_by_the_mypy_that_checks_it(root: Path) -> None:
    texts = [(root / "requirements" / f"{name}.txt").read_text(encoding="utf-8") for name in ("build", "dev")]
    build, dev = map(pins, texts)
    assert build["mypy"] == dev["mypy"]


def test_two_packages_never_own_the_same_folder(lock: str) -> None:
    assert "avro" not in pins(lock), "the distribution `avro` overwrites avro-python3 silently"
