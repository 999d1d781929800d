"""A life is told in the same words, and of a history in the same bytes, on both logs.

`python -m tests.streams.test_lives` writes the texts anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.stream import Deployment
from tests.streams.contract import Deploy, step_of
from tests.streams.life import FOLDER, NAMES, Life
from tests.streams.telling import told

OUTLIVED = "soup_bought"
RESTARTS = (1, 3, 8)  # when it has its model, when a round waits, when all that is left is to close windows


@pytest.fixture(scope="module")
def outlived(deploy: Deploy) -> Iterator[Life]:
    """Yield a life whose worker died three times."""
    life = Life(deploy, OUTLIVED, RESTARTS)
    with closing(life.stream):
        yield life


def before(name: str) -> str:
    return (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_a_life_is_told_as_before(deploy: Deploy, name: str) -> None:
    life = Life(deploy, name)
    with closing(life.stream):
        assert told(life) == before(name)


def test_a_restart_in_the_middle_changes_no_later_byte(outlived: Life) -> None:
    assert told(outlived) == before(OUTLIVED)


def test_windows_close_into_rewards_and_examples_at_a_tick(outlived: Life) -> None:
    stream = outlived.stream
    first, _ = stream.said("decisions")  # the second one's window is open still
    finals = [one for one in stream.said("rewards") if one.status == "final"]
    assert [(one.decision_id, one.outcome) for one in finals] == [
        (first.decision_id, "purchase"), (first.decision_id, "retain"),
    ]  # fmt: skip
    for model in ("next_purchase", "lapse"):
        assert [one.decision_id for one in stream.said("retraining", model)] == [first.decision_id]
        (closed,) = stream.records("retraining", model)
        assert step_of(closed) > max(map(step_of, stream.records("events")))


def test_every_text_has_its_life() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.txt")) == NAMES


if __name__ == "__main__":
    for each in NAMES:
        (FOLDER / f"{each}.txt").write_text(told(Life(Deployment, each)), encoding="utf-8")
