"""The house rules that a linter does not know."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = ("streams", "schemas", "agents")
TOP_LEVEL = {
    ".ci", ".dockerignore", ".gitignore", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile",
    "README.md", "agents", "bench", "deploy", "docker-compose.yml", "docs", "examples", "pyproject.toml",
    "requirements", "schemas", "streams", "tests",
}  # fmt: skip
LINES_MAX = 400
SAY_NOTHING = {
    "abstract", "base", "common", "data", "handle", "handler", "helper", "helpers", "impl", "info", "manager", "misc",
    "process", "processor", "util", "utils",
}  # fmt: skip
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|work|Users)/\w")


@pytest.fixture(scope="module")
def tracked(root: Path) -> list[Path]:
    """Return every file under version control that is there, relative to the checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True).stdout
    return [Path(name) for name in listed.split("\0") if name and (root / name).is_file()]


@pytest.fixture(scope="module")
def sources(root: Path, tracked: list[Path]) -> dict[Path, str]:
    """Return the text of every Python file."""
    return {path: (root / path).read_text(encoding="utf-8") for path in tracked if path.suffix == ".py"}


def words(name: str) -> set[str]:
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))


def definitions(text: str) -> Iterator[str]:
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return (node.name for node in ast.walk(ast.parse(text)) if isinstance(node, kinds))


def test_the_top_level_holds_what_the_design_names(tracked: list[Path]) -> None:
    assert {path.parts[0] for path in tracked} - TOP_LEVEL == set()


def test_a_file_that_grew_past_its_subject_is_split(sources: dict[Path, str]) -> None:
    written = {path: text for path, text in sources.items() if "generated" not in path.parts}
    assert {str(path): n for path, text in written.items() if (n := text.count("\n")) > LINES_MAX} == {}


def test_a_module_is_named_for_its_subject(sources: dict[Path, str]) -> None:
    named = {path for path in sources if any(words(part) & SAY_NOTHING for part in path.with_suffix("").parts)}
    assert named == set()


def test_a_function_or_class_is_named_for_what_it_does(sources: dict[Path, str]) -> None:
    ours = ((path, name) for path, text in sources.items() if path.parts[0] in PACKAGES for name in definitions(text))
    inherited = {"on_key_decode_error", "process_message"}  # names that Faust asks for
    assert [(str(path), name) for path, name in ours if words(name) & SAY_NOTHING and name not in inherited] == []


def test_a_test_waits_for_a_condition_and_does_not_sleep(sources: dict[Path, str]) -> None:
    sleeping = re.compile(r"(?<![\w.])(?:time|asyncio)\.sleep\(")
    naps = [
        f"{path}:{number}"
        for path, text in sources.items()
        if path.parts[0] == "tests" and path.name != Path(__file__).name
        for number, line in enumerate(text.splitlines(), 1)
        if sleeping.search(line) and not enclosing_function(text, number).lstrip("_").startswith("wait")
    ]
    assert naps == []


def enclosing_function(text: str, line: int) -> str:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    around = [n for n in ast.walk(ast.parse(text)) if isinstance(n, kinds) and n.lineno <= line <= (n.end_lineno or 0)]
    return max(around, key=lambda node: node.lineno).name if around else ""


def test_a_skipped_test_says_why(sources: dict[Path, str]) -> None:
    unexplained = []
    for path, text in sources.items():
        nodes = list(ast.walk(ast.parse(text)))
        calls: dict[ast.AST, ast.Call] = {node.func: node for node in nodes if isinstance(node, ast.Call)}
        for mark in filter(is_mark, nodes):
            if ast.unparse(mark).endswith((".skip", ".skipif", ".xfail")):
                call = calls.get(mark)
                if call is None or all(keyword.arg != "reason" for keyword in call.keywords):
                    unexplained.append(f"{path}:{getattr(mark, 'lineno', 0)}")
    assert unexplained == []


def is_mark(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pytest.mark"


def test_nothing_is_left_over(sources: dict[Path, str]) -> None:
    marks = re.compile(r"#.*\b(?:TODO|FIXME|XXX|HACK)\b|\bNotImplementedError\b|pragma: no cover|type: ignore(?!\[)")
    ours = {path: text for path, text in sources.items() if path.name != Path(__file__).name}
    assert {str(path): found for path, text in ours.items() if (found := marks.findall(text))} == {}


def test_no_file_knows_the_machine_it_was_written_on(root: Path, tracked: list[Path]) -> None:
    known = []
    for path in tracked:
        content = (root / path).read_bytes()
        if b"\0" not in content and MACHINE_PATH.search(content.decode("utf-8", "replace")):
            known.append(str(path))
    assert known == []


def test_no_file_is_too_large_to_review(root: Path, tracked: list[Path]) -> None:
    assert [str(path) for path in tracked if (root / path).stat().st_size > 1 << 20] == []


def test_every_module_says_what_it_is(sources: dict[Path, str]) -> None:
    ours = ((path, text) for path, text in sources.items() if path.parts[0] in PACKAGES)
    assert [str(path) for path, text in ours if not ast.get_docstring(ast.parse(text))] == []


def test_streams_needs_nothing_but_the_standard_library(sources: dict[Path, str]) -> None:
    allowed = {*sys.stdlib_module_names, "streams"}
    foreign = {
        (str(path), name)
        for path, text in sources.items()
        if path.parts[0] == "streams"
        for name in imported(text)
        if name.partition(".")[0] not in allowed
    }
    assert foreign <= {("streams/decision/evidence.py", "msgspec")}


def imported(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
