"""The compiled core: mypyc takes it, what is made of it gives the golden bytes, and only who asks for it gets it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from deploy.compile import KEPT, SWITCH, digest, is_wanted, sources

PACKAGES = ("streams", "schemas", "agents")
MADE_S = 1_200  # two minutes on a machine that does nothing else

_TRANSLATE = """
import sys
from deploy.native import translate
print(len(translate(sys.argv[1:])))
"""


@pytest.fixture(scope="module")
def copy(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the sources of the three packages."""
    folder = tmp_path_factory.mktemp("copy")
    for package in PACKAGES:
        shutil.copytree(root / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(params=["found", pytest.param("made", marks=[pytest.mark.slow, pytest.mark.timeout(MADE_S)])])
def wheel(request: pytest.FixtureRequest, root: Path, tmp_path: Path) -> Path:
    """Return a compiled wheel: of the native modules found in .continuo, or of some made now."""
    if request.param == "found" and not (root / KEPT / digest(root)).is_dir():
        pytest.skip("there is no compiled build of these sources; `make compiled` makes one")
    hatchling = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(hatchling, cwd=root, env=os.environ | {SWITCH: "1"}, check=True, capture_output=True)
    (built,) = tmp_path.glob("*.whl")
    return built


def test_all_of_the_core_is_compiled(root: Path) -> None:
    compiled = set(sources(root))
    core = {str(path.relative_to(root)) for path in (root / "streams").rglob("*.py") if path.name != "__init__.py"}
    assert core <= compiled
    assert {"agents/codecs/generated/raw_event.py", "agents/codecs/varint.py"} <= compiled


def test_mypyc_takes_the_sources(root: Path, copy: Path) -> None:
    modules = sources(root)
    done = subprocess.run(
        [sys.executable, "-c", _TRANSLATE, *modules], cwd=copy, env={"PYTHONPATH": str(root)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.splitlines()[-1]) == len(modules) + 1  # a module each, and the library that they share


def test_a_compiled_wheel_is_for_this_python_and_gives_the_golden_bytes(
    wheel: Path, root: Path, tmp_path: Path
) -> None:
    unpacked = tmp_path / "unpacked"
    zipfile.ZipFile(wheel).extractall(unpacked)
    assert not wheel.name.endswith("-none-any.whl")
    assert {path.name for path in unpacked.iterdir() if path.suffix != ".dist-info"} == set(PACKAGES)
    played = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--core", "compiled", "-m", "not kafka",
         "-o", f"pythonpath={unpacked} .", "tests/golden", "tests/streams"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert played.returncode == 0, played.stdout + played.stderr


@pytest.mark.parametrize(("told", "wanted"), [("1", True), ("0", False), ("", False)])
def test_the_switch_asks_for_a_compiled_wheel(monkeypatch: pytest.MonkeyPatch, told: str, wanted: bool) -> None:
    monkeypatch.setenv(SWITCH, told)
    assert is_wanted() is wanted


def test_a_switch_in_another_position_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "yes")
    with pytest.raises(SystemExit, match="expected 1 for a compiled wheel, 0 or nothing for a pure one, came 'yes'"):
        is_wanted()
