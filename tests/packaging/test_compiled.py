"""The compiled core: mypyc takes it, what is made of it gives the golden bytes, and only who asks for it gets it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.compile import KEPT, SWITCH, digest, is_wanted, native_modules, sources

PACKAGES = ("streams", "schemas", "agents")
MADE_S = 1_200  # two minutes on a machine that does nothing else

_TRANSLATE = """
import sys
from deploy.native import translate
print(len(translate(sys.argv[1:])))
"""


@pytest.fixture(scope="module")
def copy(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the three packages."""
    folder = tmp_path_factory.mktemp("copy")
    for package in PACKAGES:
        shutil.copytree(root / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(params=["found", pytest.param("made", marks=[pytest.mark.slow, pytest.mark.timeout(MADE_S)])])
def compiled(request: pytest.FixtureRequest, root: Path, copy: Path) -> Path:
    """Return the folder with the native modules laid over the packages: those found in .continuo, or made now."""
    if request.param == "found" and not (root / KEPT / digest(root)).is_dir():
        pytest.skip("there is no compiled build of these sources; `make compiled` makes one")
    shutil.copytree(native_modules(root), copy, dirs_exist_ok=True)
    return copy


def test_the_core_is_compiled_but_for_its_door_to_msgspec(root: Path) -> None:
    compiled = set(sources(root))
    core = {str(path.relative_to(root)) for path in (root / "streams").rglob("*.py") if path.name != "__init__.py"}
    assert core - compiled == {"streams/decision/evidence.py"}
    assert {"agents/codecs/generated/raw_event.py", "agents/codecs/varint.py"} <= compiled


def test_mypyc_takes_the_sources(root: Path, copy: Path) -> None:
    modules = sources(root)
    done = subprocess.run(
        [sys.executable, "-c", _TRANSLATE, *modules], cwd=copy, env={"PYTHONPATH": str(root)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.splitlines()[-1]) == len(modules) + 1  # a module each, and the library that they share


def test_a_compiled_build_gives_the_golden_bytes(compiled: Path, root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--core", "compiled", "-m", "not kafka",
         "-o", f"pythonpath={compiled} .", "tests/golden", "tests/streams"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("told", "wanted"), [("1", True), ("0", False), ("", False)])
def test_the_switch_asks_for_a_compiled_wheel(monkeypatch: pytest.MonkeyPatch, told: str, wanted: bool) -> None:
    monkeypatch.setenv(SWITCH, told)
    assert is_wanted() is wanted


def test_a_switch_in_another_position_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "yes")
    with pytest.raises(SystemExit, match="expected 1 for a compiled wheel, 0 or nothing for a pure one, came 'yes'"):
        is_wanted()
