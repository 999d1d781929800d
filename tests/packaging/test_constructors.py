"""The constructors that are written for the compiler do what those of `dataclass` do."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from deploy.constructors import with_constructors

MODULES = ("streams/records.py", "streams/rows.py", "streams/inputs.py", "streams/decision/verdict.py")

_MODULE = '''
from dataclasses import dataclass, field

@dataclass(slots=True)
class Row:
    """Some row."""

    name: str
    seen: list[int] = field(default_factory=list)  # ascending
    count: int = 3

    @property
    def twice(self) -> int:
        return 2 * self.count

@dataclass(frozen=True)
class Fixed:
    name: str

@dataclass(slots=True)
class Empty:
    """Nothing."""
'''


def executed(text: str, name: str) -> ModuleType:
    module = ModuleType(name)
    sys.modules[name] = module  # where dataclass looks annotations up
    try:
        exec(compile(text, name, "exec"), module.__dict__)
    finally:
        del sys.modules[name]
    return module


def test_a_written_constructor_takes_and_keeps_what_the_made_one_does() -> None:
    written, made = executed(with_constructors(_MODULE), "written"), executed(_MODULE, "made")
    for module in (written, made):
        row = module.Row("a")
        assert (row.name, row.seen, row.count, row.twice) == ("a", [], 3, 6)
        assert row.seen is not module.Row("a").seen
        assert row == module.Row("a", [], 3)
        assert row != module.Row("a", [1])
        assert repr(dataclasses.replace(row, count=4)) == "Row(name='a', seen=[], count=4)"
    assert written.Row.__init__.__code__.co_filename == "written"


def test_what_is_frozen_or_empty_stays_as_it_is() -> None:
    changed = with_constructors(_MODULE)
    assert changed.count("def __init__") == 1
    assert "@dataclass(frozen=True)\nclass Fixed" in changed
    assert "@dataclass(slots=True)\nclass Empty" in changed


@pytest.mark.parametrize("name", MODULES)
def test_every_record_and_row_has_the_fields_of_its_constructor_in_order(root: Path, name: str) -> None:
    text = (root / name).read_text(encoding="utf-8")
    written, made = executed(with_constructors(text), "written"), executed(text, "made")
    classes = {name for name, one in vars(made).items() if dataclasses.is_dataclass(one) and one.__module__ == "made"}
    assert classes
    for one in classes:
        assert shape(getattr(written, one)) == shape(getattr(made, one))


def shape(one: Any) -> list[tuple[str, bool]]:
    """Return the constructor's parameters, each with whether it may be left out."""
    parameters = inspect.signature(one).parameters.values()
    return [(parameter.name, parameter.default is not parameter.empty) for parameter in parameters]
