"""The wheel: its three packages are ours alone, and its command answers in an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

PACKAGES = {"streams", "schemas", "agents"}


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built from the checkout without a network."""
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)],
        cwd=root, check=True, capture_output=True,
    )  # fmt: skip
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of a clean environment that holds the wheel and, behind it, the packages of this one."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    purelib = Path(said(python, "-c", code).strip())
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel],
        check=True, capture_output=True,
    )  # fmt: skip
    behind = [path for path in sys.path if path.endswith("site-packages")]
    (purelib / "behind.pth").write_text("".join(f"{path}\n" for path in behind))
    return python


def said(*command: str | Path, cwd: Path | None = None) -> str:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True).stdout


def test_the_wheel_holds_the_three_packages_with_their_schemas_and_lock(wheel: Path, root: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == PACKAGES
    needed = {
        str(path.relative_to(root))
        for package in PACKAGES
        for path in (root / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert needed <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert wheel.name.endswith("-py3-none-any.whl")  # native modules are for who asks


def test_no_other_distribution_owns_our_names(installed: Path) -> None:
    code = "import importlib.metadata as m, json; print(json.dumps(m.packages_distributions()))"
    owners = json.loads(said(installed, "-I", "-c", code))
    assert {name: set(owners[name]) for name in PACKAGES} == {name: {"continuo"} for name in PACKAGES}
    assert owners["avro"] == ["avro-python3"]


def test_the_command_answers_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    assert "  up " in said(installed.parent / "continuo", "--help", cwd=tmp_path)
    where = said(installed, "-c", "import agents, schemas, streams; print(agents.__file__)", cwd=tmp_path)
    assert where.startswith(str(installed.parent.parent))
