"""Reading a bundle: plain values in, typed ones out, every mistake noted with its path and none fatal.

A reader returns a harmless default where a value is wrong, so that one pass finds all mistakes of a bundle; what was
read is only used if there was none.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final

from streams.policy.problems import Problem, expected_one_of
from streams.policy.quantities import MICRO, PPB, PPM, SECOND_MS, duration_ms, scaled

MONEY_MAX: Final = 1_000_000_000 * MICRO  # keeps every product of a score within 128 bits, and catches a slipped unit
DURATION_MS_MAX: Final = 400 * 86_400 * SECOND_MS  # as long as a feature's window may be

_ID: Final = re.compile(r"[a-z0-9][A-Za-z0-9_.:-]{0,99}")
_WORD: Final = re.compile(r"[a-z][a-z0-9_]{0,99}")


class Node:
    """One value of the bundle and where it stands."""

    __slots__ = ("path", "problems", "value")

    def __init__(self, value: Any, path: tuple[str | int, ...], problems: list[Problem]) -> None:
        self.value = value
        self.path = path
        self.problems = problems

    def wrong(self, message: str) -> None:
        """Note a mistake in this value."""
        self.problems.append(Problem(self.path, message))

    def child(self, key: str | int) -> Node:
        """Return the value under a key or index that is there."""
        return Node(self.value[key], (*self.path, key), self.problems)

    def entries(self, kind: str, *, is_word: bool = False) -> list[tuple[str, Node]]:
        """Return the entries of a mapping from ids to bodies."""
        if not isinstance(self.value, dict):
            self.wrong(f"expected a mapping from ids to {kind}, got {self.value!r}")
            return []
        found: list[tuple[str, Node]] = []
        for key in self.value:
            entry = self.child(key)
            if entry.is_id(key, is_word=is_word):
                found.append((key, entry))
        return found

    def is_id(self, told: object, *, is_word: bool = False) -> bool:
        """Tell whether `told` can name something, noting it if not; a word can also stand in a condition."""
        if isinstance(told, str) and (_WORD if is_word else _ID).fullmatch(told):
            return True
        letters = "lower-case letters, digits and _" if is_word else "letters, digits, _ . : -"
        self.wrong(f"expected an id of {letters}, beginning in lower case, got {told!r}")
        return False

    def items(self, kind: str) -> list[Node]:
        """Return the items of a list."""
        if not isinstance(self.value, list):
            self.wrong(f"expected a list of {kind}, got {self.value!r}")
            return []
        return [self.child(index) for index in range(len(self.value))]

    def names(self, kind: str, known: Collection[str]) -> tuple[str, ...]:
        """Return the names in a list, each of them known and none twice."""
        found: list[str] = []
        for item in self.items(kind):
            name = item.one_of(kind, known)
            if name in found:
                item.wrong(f"{name!r} stands here twice")
            elif name:
                found.append(name)
        return tuple(found)

    def one_of(self, kind: str, known: Collection[str]) -> str:
        """Return this value if it is a known name, else ""."""
        if isinstance(self.value, str) and self.value in known:
            return self.value
        self.wrong(f"unknown {kind} {self.value!r}: {expected_one_of(known, self.value)}")
        return ""

    def record(self, kind: str, required: tuple[str, ...], optional: tuple[str, ...]) -> Record:
        """Return the fields of a mapping that must have the required ones and may have the optional ones."""
        if not isinstance(self.value, dict):
            self.wrong(f"expected a mapping ({kind}), got {self.value!r}")
            return Record(self, {})
        known = (*required, *optional)
        fields = {str(key): self.child(key) for key in self.value if key in known}
        for key in self.value:
            if key not in known:
                self.child(key).wrong(f"unknown field of a {kind}: {expected_one_of(known, key)}")
        for name in required:
            if name not in fields:
                self.wrong(f"a {kind} needs {name!r}")
        return Record(self, fields)


class Record:
    """The fields of one mapping, read by type; a field that is not there, or is wrong, reads as the default."""

    __slots__ = ("fields", "node")

    def __init__(self, node: Node, fields: dict[str, Node]) -> None:
        self.node = node
        self.fields = fields

    def wrong(self, field: str, message: str) -> None:
        """Note a mistake in a field, or in the whole where the field is not there."""
        self.fields.get(field, self.node).wrong(message)

    def has(self, field: str) -> bool:
        """Tell whether a field was given."""
        return field in self.fields

    def text(self, field: str, default: str = "") -> str:
        """Return a string."""
        node = self.fields.get(field)
        if node is None:
            return default
        if isinstance(node.value, str):
            return node.value
        node.wrong(f"expected text, got {node.value!r}")
        return default

    def identity(self, field: str, default: str = "") -> str:
        """Return an id."""
        node = self.fields.get(field)
        return node.value if node is not None and node.is_id(node.value) else default

    def one_of(self, field: str, kind: str, known: Collection[str], default: str = "") -> str:
        """Return a known name."""
        node = self.fields.get(field)
        return default if node is None else node.one_of(kind, known) or default

    def flag(self, field: str) -> bool:
        """Return a yes or no; no by default."""
        node = self.fields.get(field)
        if node is None:
            return False
        if not isinstance(node.value, bool):
            node.wrong(f"expected true or false, got {node.value!r}")
        return node.value is True

    def whole(self, field: str, default: int, low: int, high: int) -> int:
        """Return a whole number within bounds."""
        return self._number(field, default, low, high, 1, "a whole number")

    def money(self, field: str, default: int = 0, low: int = 0) -> int:
        """Return an amount of the policy's currency, in micro-units."""
        return self._number(field, default, low, MONEY_MAX, MICRO, "an amount of money")

    def ppm(self, field: str, default: int, low: int, high: int) -> int:
        """Return a multiplier or a share; the bounds are in ppm too."""
        return self._number(field, default, low, high, PPM, "a number")

    def ppb(self, field: str, default: int, low: int, high: int) -> int:
        """Return a probability; the bounds are in ppb too."""
        return self._number(field, default, low, high, PPB, "a probability")

    def duration_ms(self, field: str, default: int = 0) -> int:
        """Return a duration such as `28d`."""
        node = self.fields.get(field)
        if node is None:
            return default
        read = duration_ms(node.value)
        if read is None or read > DURATION_MS_MAX:
            node.wrong(f"expected a whole number and d, h, m or s, at most 400d, got {node.value!r}")
            return default
        return read

    def _number(self, field: str, default: int, low: int, high: int, scale: int, kind: str) -> int:
        node = self.fields.get(field)
        if node is None:
            return default
        read = scaled(node.value, scale)
        if read is None or not low <= read <= high or (scale == 1 and not isinstance(node.value, int)):
            bounds = f"{low / scale:.12g} to {high / scale:.12g}"
            node.wrong(f"expected {kind} from {bounds}, got {node.value!r}")
            return default
        return read
