"""What a rolling upgrade comes from is the product before its last change; where history is short, that is told."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.faults.record import PRODUCT
from tests.faults.stream.previous import check_out
from tests.faults.transport.grounds import Unplayable


def git(root: Path, *arguments: str) -> None:
    named = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    subprocess.run(["git", *named, *arguments], cwd=root, check=True, capture_output=True)


def write(root: Path, text: str) -> None:
    for name in PRODUCT:
        (root / name).mkdir(exist_ok=True)
        (root / name / "said.txt").write_text(text)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Return a checkout whose product changed twice, and something else after that."""
    root = tmp_path / "checkout"
    root.mkdir()
    git(root, "init", "--quiet")
    for text in ("first", "second"):
        write(root, text)
        git(root, "add", ".")
        git(root, "commit", "--quiet", "-m", text)
    (root / "README.md").write_text("words")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "words")
    return root


def test_the_previous_product_is_that_before_its_last_change(history: Path, tmp_path: Path) -> None:
    folder = check_out(tmp_path / "previous", history)
    assert [(folder / name / "said.txt").read_text() for name in PRODUCT] == ["first"] * len(PRODUCT)
    assert not (folder / "README.md").exists()


def test_before_a_change_that_is_not_committed_comes_what_is(history: Path, tmp_path: Path) -> None:
    write(history, "third")
    assert (check_out(tmp_path / "previous", history) / "agents/said.txt").read_text() == "second"


def test_a_checkout_without_history_says_what_brings_it(history: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{history}", tmp_path / "shallow"], check=True)
    with pytest.raises(Unplayable, match="git fetch --unshallow"):
        check_out(tmp_path / "previous", tmp_path / "shallow")


def test_a_folder_that_is_no_checkout_is_told_the_same(tmp_path: Path) -> None:
    with pytest.raises(Unplayable):
        check_out(tmp_path / "previous", tmp_path)
