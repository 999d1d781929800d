"""The compiled wheel: with CONTINUO_COMPILE=1 in the environment of its build, the core becomes native modules.

hatchling calls the hook for every wheel; without the variable it does nothing, and the wheel is pure.  With it, mypyc
compiles `streams` and the codecs of what a step reads and says.  Their sources stay beside the native modules, and are
what runs where those cannot be loaded.  What was compiled is kept in `.continuo/compiled` under the hash of everything
that it comes from, so a second wheel of the same core takes a second.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SWITCH: Final = "CONTINUO_COMPILE"
REQUIREMENTS: Final = ("mypy[mypyc]", "setuptools")  # beside hatchling; requirements/build.txt says which
READ: Final = ("streams", "schemas", "agents/codecs")  # what the compiler reads
COMPILED: Final = (
    "streams/**/*.py",
    "agents/codecs/generated/*.py",
    *(f"agents/codecs/{name}.py" for name in ("framing", "prefix", "varint")),
)
PURE: Final = ("__init__.py",)  # nothing runs there
DIGITS: Final = 16  # of the hash, in the name of a build's folder
KEPT: Final = Path(".continuo", "compiled")
KEPT_MAX: Final = 4  # of 4 MB each: those of the branches that one goes back and forth between


class CompileHook(BuildHookInterface[Any]):
    """Puts native modules into the wheel."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return what an isolated build needs beside hatchling."""
        return list(REQUIREMENTS) if is_wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and say that this wheel is for one Python on one platform."""
        if version == "editable" or not is_wanted():
            return
        native = native_modules(Path(self.root))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        for path in native.rglob(f"*{suffix()}"):
            build_data["force_include"][str(path)] = str(path.relative_to(native))


def is_wanted() -> bool:
    """Tell whether the wheel is to be a compiled one."""
    told = os.environ.get(SWITCH, "")
    if told not in ("", "0", "1"):
        raise SystemExit(f"{SWITCH}: expected 1 for a compiled wheel, 0 or nothing for a pure one, came {told!r}")
    return told == "1"


def suffix() -> str:
    """Return how the name of a native module ends: for which Python on which platform it is."""
    return str(sysconfig.get_config_var("EXT_SUFFIX"))


def sources(root: Path) -> list[str]:
    """Return the modules that are compiled."""
    found = {path for pattern in COMPILED for path in root.glob(pattern) if path.name not in PURE}
    return sorted(str(path.relative_to(root)) for path in found)


def digest(root: Path) -> str:
    """Return the hash of everything that the native modules come from."""
    known = hashlib.sha256(f"{suffix()} mypy {version('mypy')} {sysconfig.get_config_var('CC')}".encode())
    read = [path for one in READ for path in (root / one).rglob("*.py")]
    for path in sorted([*read, *(root / "deploy").glob("*.py")]):
        text = path.read_bytes()
        known.update(f"\0{path.relative_to(root)}\0{len(text)}\0".encode())
        known.update(text)
    return known.hexdigest()[:DIGITS]


def native_modules(root: Path) -> Path:
    """Return the folder that has the native modules, laid out as in the wheel; compile them if nobody has."""
    kept = root / KEPT / digest(root)
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
            made = Path(scratch, "native")
            for one in READ:
                shutil.copytree(root / one, Path(scratch, one), ignore=shutil.ignore_patterns("__pycache__"))
            # a process of its own: mypyc and setuptools write where they stand, and read sys.argv
            command = [sys.executable, "-m", "deploy.native", str(made), *sources(root)]
            done = subprocess.run(command, cwd=scratch, env=os.environ | {"PYTHONPATH": str(root)}, check=False)
            if done.returncode:
                raise SystemExit(
                    f"{SWITCH}=1: expected native modules, but mypyc or the C compiler failed (above). They need gcc "
                    f"and Python's headers; without {SWITCH} the wheel is pure and needs neither."
                )
            _forget(kept.parent, KEPT_MAX - 1)
            if not kept.is_dir():  # else somebody was quicker, with the same
                made.rename(kept)
    return kept


def _forget(folder: Path, kept: int) -> None:
    """Remove all builds but the youngest ones."""
    builds = [path for path in folder.iterdir() if len(path.name) == DIGITS]
    for path in sorted(builds, key=lambda path: path.stat().st_mtime, reverse=True)[kept:]:
        shutil.rmtree(path, ignore_errors=True)
