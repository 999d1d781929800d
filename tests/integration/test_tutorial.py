"""The tutorial, command by command as it stands there, in one shell; what is printed has to match what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.brokers import free_port

pytestmark = pytest.mark.kafka

MARK: Final = "@@@"
WHOLE_S: Final = 400.0  # with a broker of its own, on a busy machine


class Said(NamedTuple):
    """A command of a page, what the page says that it prints, and what it printed."""

    command: str
    expected: str
    printed: str


def commands(page: str) -> list[tuple[str, str]]:
    """Return the commands of a page, each with what follows it."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"(?:^    .*\n)+", page, re.MULTILINE):
        for line in (line[4:] for line in block.splitlines()):
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif found:
                found[-1][1].append(line)
    return [(command, "\n".join(lines)) for command, lines in found]


def matches(expected: str, printed: str) -> bool:
    """Tell whether a text is as expected, "…" being anything."""
    pattern = r"[\s\S]*".join(re.escape(part) for part in expected.split("…"))
    return re.fullmatch(pattern, printed.strip()) is not None


@pytest.fixture(scope="module")
def said(root: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Said]:
    """Return what each command printed; ports are others than the page's, because tests run side by side."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    told = commands((root / "docs" / "tutorial.md").read_text(encoding="utf-8"))
    port = str(free_port())
    lines = [
        f"echo {MARK}\n" + command.replace("8080", port).replace("callers.toml >", f"callers.toml --api-port {port} >")
        for command, _ in told
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONTINUO_")} | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "CONTINUO_BROKER_PORT": str(free_port()),
        "CONTINUO_WEB_PORT": str(free_port()),
    }
    folder = tmp_path_factory.mktemp("tutorial")
    done = subprocess.run(
        ["bash", "-c", "\n".join(["trap 'kill $(jobs -p) 2> /dev/null; wait' EXIT", *lines])],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        timeout=WHOLE_S,
    )  # fmt: skip
    printed = done.stdout.split(f"{MARK}\n")[1:]
    assert len(printed) == len(told), done.stdout
    return [Said(*one, text) for one, text in zip(told, printed, strict=True)]


def test_every_command_prints_what_the_page_says(said: list[Said]) -> None:
    other = [one for one in said if not matches(one.expected, one.printed)]
    assert not other, "\n\n".join(f"$ {one.command}\n{one.printed}--- expected\n{one.expected}" for one in other)


@pytest.mark.parametrize(
    ("expected", "printed", "is_so"),
    [("a…d", "a\nb\nd\n", True), ("", "", True), ("", "b", False), ("…", "", True), ("a.c", "abc", False)],
)
def test_what_is_compared_can_differ(expected: str, printed: str, is_so: bool) -> None:
    assert matches(expected, printed) is is_so
