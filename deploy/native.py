"""Compiles modules by mypyc: `python -m deploy.native FOLDER MODULE …`, in a copy of the sources that is written to.

A process of its own, because mypyc and setuptools write where they stand and read the command line.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from mypyc.build import mypycify
from setuptools import Extension, setup  # type: ignore[import-untyped]  # its stubs are a package of their own

from deploy.constructors import with_constructors

LIBRARY: Final = "streams.compiled"  # what all native modules share; unnamed, it would lie beside the packages
WHOLE: Final = ("-O3", "-flto=auto")  # across modules, and across mypyc's own library: 5 % of a decision
# Not strict: `make lint` is that, and here the libraries are missing of which it knows the types.
OPTIONS: Final = ("--config-file=", "--explicit-package-bases", "--ignore-missing-imports")


def translate(modules: list[str]) -> list[Extension]:
    """Translate these modules below the current folder to C."""
    for path in map(Path, modules):
        path.write_text(with_constructors(path.read_text(encoding="utf-8")), encoding="utf-8")
    extensions = mypycify([*OPTIONS, *modules], opt_level="3", debug_level="0", multi_file=True, group_name=LIBRARY)
    for extension in extensions:
        extension.include_dirs.append(str(Path("build", *LIBRARY.split(".")[:-1])))  # where mypyc put its headers
        extension.extra_compile_args.extend(WHOLE)
        extension.extra_link_args.extend(WHOLE)
    return extensions


def compile_modules(modules: list[str], folder: str) -> None:
    """Compile these modules below the current folder; leave the native ones in `folder`."""
    setup(packages=[], ext_modules=translate(modules), script_args=["--quiet", "build_ext", f"--build-lib={folder}"])


if __name__ == "__main__":
    compile_modules(sys.argv[2:], sys.argv[1])
