"""What documents say to type exists, and whatever says no stands in the catalogue of errors."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from agents.__main__ import cli
from agents.dead_letters import MEANINGS
from docs.reference import EXITS

PAGES = ("README.md", "CONTRIBUTING.md", "docs/*.md", "examples/**/*.md", "agents/starter/project/README.md")
REFUSING = {"Refused", "Undecodable"}  # calls whose first argument is the cause of a dead letter
HELPS = {"-h", "--help"}


def told_commands(root: Path) -> Iterator[tuple[str, str]]:
    """Generate every command line of ours in an indented block, with the page that tells it."""
    for page in sorted(path for pattern in PAGES for path in root.glob(pattern)):
        if page.name == "commands.md":
            continue  # made of the commands
        for line in re.findall(
            r"^ {4}(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?continuo (.+)$", page.read_text(), re.MULTILINE
        ):
            yield page.name, re.split(r" {2,}| \| | && | > | >> | #|; ", line)[0]


def wrong_with(line: str) -> str:
    """Return what is wrong with the words behind `continuo`; "" if there is such a command with such options."""
    words = shlex.split(line)
    command: click.Command = cli
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            break
        command, words = found, words[1:]
    if isinstance(command, click.Group) and words and words[0] not in HELPS | {"--version"}:
        return f"there is no command {words[0]!r}"
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | HELPS
    unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in known | {"--version"}]
    return f"there is no option {' '.join(unknown)}" if unknown else ""


def test_every_command_that_a_page_tells_exists_with_its_options(root: Path) -> None:
    told = list(told_commands(root))
    assert len(told) > 40
    assert [(page, line, wrong) for page, line in told if (wrong := wrong_with(line))] == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("explain --profile x", ""), ("explain --person x", "there is no option --person"),
        ("policy test x", ""), ("policy testify x", "there is no command 'testify'"), ("--version", ""),
    ],
)  # fmt: skip
def test_a_command_that_is_none_is_seen(line: str, wrong: str) -> None:
    assert wrong_with(line) == wrong


def trees(root: Path) -> Iterator[ast.AST]:
    for folder in ("agents", "streams"):
        for path in sorted((root / folder).rglob("*.py")):
            yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def test_every_exit_code_is_in_the_catalogue(root: Path) -> None:
    found = set()
    for node in trees(root):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        name = target.id if isinstance(target, ast.Name) else ""
        value = getattr(node, "value", None)
        if (
            name.lower().startswith(("exit_", "ex_"))
            and isinstance(value, ast.Constant)
            and isinstance(value.value, int)
        ):
            found.add(value.value)
    assert found >= {1, 69, 70, 78}
    assert found <= EXITS.keys()


def test_every_cause_of_a_dead_letter_is_in_the_catalogue(root: Path) -> None:
    causes = set()
    for node in trees(root):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REFUSING):
            continue
        first = node.args[0] if node.args else None
        text = first.values[0] if isinstance(first, ast.JoinedStr) else first
        if isinstance(text, ast.Constant) and isinstance(text.value, str) and re.match(r"[a-z_]+(:|$)", text.value):
            causes.add(text.value.partition(":")[0])
    assert causes >= {"missing", "mistyped", "invalid", "future_time"}
    assert causes <= MEANINGS.keys()
