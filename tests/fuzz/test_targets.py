"""What reads bytes from outside takes what it should, refuses what it should, and does nothing else."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator

import pytest
import structlog

from tests.fuzz.found import FOUND
from tests.fuzz.mutating import mutated
from tests.fuzz.target import Finding, Shape, Target, Tree
from tests.fuzz.targets import every

TARGETS = every()
CPU_S: float = 0.1  # a target; a few inputs at least, and a few hundred at most
INPUTS: tuple[int, int] = (5, 300)


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    """Have what is refused not fill the log."""
    kept = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**kept)


@pytest.mark.parametrize("name", TARGETS)
def test_what_a_target_begins_with_is_taken(name: str) -> None:
    target = TARGETS[name]
    seeds = target.seeds()
    assert seeds
    assert [seed for seed in seeds if not target.takes(seed)] == []


@pytest.mark.parametrize("name", TARGETS)
def test_a_tree_of_what_a_target_begins_with_is_bytes_that_it_takes(name: str) -> None:
    target = TARGETS[name]
    trees = [tree for seed in target.seeds() for tree in trees_of(target.shape or Shape(bytes, bytes), seed)]
    assert trees
    assert all(target.takes((target.shape or Shape(bytes, bytes)).from_tree(tree)) for tree in trees)


def trees_of(shape: Shape, data: bytes) -> list[Tree]:
    """Return the tree that the bytes are, if they are one: not every seed need be of the shape."""
    try:
        return [shape.to_tree(data)]
    except ValueError:
        return []


@pytest.mark.parametrize("name", TARGETS)
def test_bytes_near_those_are_taken_or_refused(name: str) -> None:
    target, chance = TARGETS[name], random.Random(name)
    seeds = target.seeds()
    least, most = INPUTS
    begun = time.process_time()
    for number in range(most):
        if number >= least and time.process_time() - begun > CPU_S:
            break
        data = mutated(chance.choice(seeds), target.shape, chance)[: target.size_max]
        try:
            target.judge(data)
        except Exception as error:
            error.add_note(f"target {name}, bytes {data!r}")
            raise


@pytest.mark.parametrize(("name", "what"), [(name, what) for name, inputs in FOUND.items() for what in inputs])
def test_what_was_found_once_is_found_no_more(name: str, what: str) -> None:
    target, data = TARGETS[name], FOUND[name][what]
    target.judge(data)
    assert not target.declared or not target.takes(data), "it was to be refused"


def target_that(take: object) -> Target:
    return Target("it", take, (ValueError,), lambda: [b""])  # type: ignore[arg-type]


def test_an_error_that_is_not_declared_is_a_finding() -> None:
    with pytest.raises(KeyError):
        target_that(lambda data: {}[data]).judge(b"")
    target_that(int).judge(b"none")


def test_an_error_that_says_nothing_or_too_much_is_a_finding() -> None:
    def refuse(data: bytes) -> None:
        raise ValueError(data.decode() * 100_000)

    for data in (b"", b"x"):
        with pytest.raises(Finding):
            target_that(refuse).judge(data)


def test_an_input_that_takes_too_long_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.target.CPU_S_MAX", 0.01)
    with pytest.raises(Finding, match="of CPU for an input"):
        target_that(lambda _: sum(range(10_000_000))).judge(b"")


def test_an_input_that_takes_too_much_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.target._largest", iter((0, 1 << 30)).__next__)
    with pytest.raises(Finding, match="expected to grow by at most"):
        target_that(lambda _: None).judge(b"")


def test_mutation_keeps_near_and_says_the_same_from_the_same_seed() -> None:
    (seed,) = TARGETS["bundle"].seeds()
    made = [[mutated(seed, TARGETS["bundle"].shape, random.Random(number)) for number in range(20)] for _ in range(2)]
    assert made[0] == made[1]
    assert len({*made[0], seed}) > 10
