"""Mutates trees of plain values, so that what comes of them is nearly what a reader takes."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

from tests.fuzz.target import Shape, Tree

EDITS_MAX: Final = 4  # of one input
STRETCHED: Final = (300, 5_000, 70_000)  # times a text, a list or bytes are repeated
DEEP: Final = (30, 300, 3_000)

NUMBERS: Final = (
    0, 1, -1, 2, 127, 128, 255, 256, 1_000, 1 << 31, (1 << 31) - 1, 1 << 32, 1 << 43, 10**12, (1 << 52) + 1,
    (1 << 62) + 1, (1 << 63) - 1, 1 << 63, -(1 << 63), -(1 << 63) - 1, 10**30, 1_500_000_000_000,
)  # fmt: skip
FRACTIONS: Final = (0.0, -0.0, 0.5, 1.0, 1e-300, 1e300, math.nan, math.inf, -math.inf, 1e22, 0.1 + 0.2)
TEXTS: Final = (
    "", " ", "\0", "\n", "é", "\ud800", "\U0001f600", "null", "true", "1", "-1", "1e999", "nan", "0x1f", "2017-01-01",
    "28d", "a.b", "a/b", "*", "<<", "~", "'", '"', "{", "[", "#", "&a", "*a", "!!int 1", "9" * 5_000, "x" * 300,
)  # fmt: skip
BYTES: Final = (b"", b"\0", b"\xff", b"\x80" * 9, b"\x01\x90", b"{", b"[" * 300)

Place = tuple[Any, Any]  # a container, and the key or index in it


def mutate(tree: Tree, chance: random.Random) -> Tree:
    """Return another tree, some edits away."""
    root = [copy.deepcopy(tree)]
    for _ in range(chance.randint(1, EDITS_MAX)):
        places = [*_places(root)]
        container, key = chance.choice(places)
        edit = chance.choice(_edits(container[key]))
        container[key] = edit(container[key], chance, places)
    return root[0]


def mutated(data: bytes, shape: Shape | None, chance: random.Random) -> bytes:
    """Return bytes near these ones: the tree that they are, edited; or bytes, where they are none, and now and then."""
    if shape is not None and chance.random() < 0.8:
        try:
            return shape.from_tree(mutate(shape.to_tree(data), chance))
        except Exception:  # noqa: BLE001  # no tree, or one that bytes cannot say
            pass
    for _ in range(chance.randint(1, EDITS_MAX)):
        data = _cut(data, chance)
    return data


def _places(root: list[Tree]) -> Iterator[Place]:
    waiting: list[Any] = [root]
    while waiting:
        container = waiting.pop()
        for key in [*container] if isinstance(container, dict) else range(len(container)):
            yield container, key
            if isinstance(container[key], dict | list):
                waiting.append(container[key])


Edit = Callable[[Any, random.Random, list[Place]], Any]


def _edits(value: Any) -> list[Edit]:
    """Return the edits for a value: those of its kind more than once, because others are seldom taken."""
    own = next((edits for kind, edits in _OWN if isinstance(value, kind)), [])
    return [*own, *own, *own, _replace, _graft]


def _replace(_value: Any, chance: random.Random, _places: list[Place]) -> Any:
    kinds: tuple[Any, ...] = (
        None, True, False, [], {}, chance.choice(NUMBERS), chance.choice(FRACTIONS), chance.choice(TEXTS),
        chance.choice(BYTES), _nested(chance),
    )  # fmt: skip
    return chance.choice(kinds)


def _nested(chance: random.Random) -> Tree:
    tree: Tree = []
    for _ in range(chance.choice(DEEP)):
        tree = [tree] if chance.random() < 0.9 else {"a": tree}
    return tree


def _graft(_value: Any, chance: random.Random, places: list[Place]) -> Any:
    container, key = chance.choice(places)
    return copy.deepcopy(container[key]) if len(places) < 2_000 else None


def _number(value: int, chance: random.Random, _places: list[Place]) -> int:
    return chance.choice((value + 1, value - 1, -value, value * 1_000, *chance.sample(NUMBERS, 4)))


def _fraction(value: float, chance: random.Random, _places: list[Place]) -> float:
    return chance.choice((-value, value * 1_000, *FRACTIONS))


def _text(value: str, chance: random.Random, _places: list[Place]) -> str:
    at = chance.randint(0, len(value))
    longer = value * chance.choice(STRETCHED) if len(value) < 20 and chance.random() < 0.1 else value
    with_more = value[:at] + chance.choice(TEXTS) + value[at:]
    return chance.choice((value[:at], value[at:], with_more, longer, value.upper()))


def _bytes(value: bytes, chance: random.Random, _places: list[Place]) -> bytes:
    if value and len(value) < 20 and chance.random() < 0.05:
        return value * chance.choice(STRETCHED)
    return _cut(value, chance)


def _list(value: list[Any], chance: random.Random, places: list[Place]) -> list[Any]:
    at = chance.randint(0, len(value))
    one = value[at : at + 1]
    new = [_replace(None, chance, places)] if chance.random() < 0.5 else [_graft(None, chance, places)]
    is_small = one and len(repr(one)) < 20  # else a few edits would make a tree that no memory holds
    longer = [*value, *one * chance.choice(STRETCHED)] if is_small and chance.random() < 0.05 else [*value, *one]
    return chance.choice((value[:at] + value[at + 1 :], value[:at] + new + value[at:], longer, value[::-1]))


def _dict(value: dict[Any, Any], chance: random.Random, places: list[Place]) -> dict[Any, Any]:
    keys = [*value]
    if keys and chance.random() < 0.5:
        gone = chance.choice(keys)
        kept = {key: told for key, told in value.items() if key != gone}
        return kept if chance.random() < 0.5 else kept | {_text(str(gone), chance, places): value[gone]}
    name = chance.choice((chance.choice(TEXTS), *map(str, keys)))
    return value | {name: _graft(None, chance, places)}


def _cut(data: bytes, chance: random.Random) -> bytes:
    at, n = chance.randint(0, len(data)), chance.choice((1, 1, 1, 2, 4, 8))
    return chance.choice((
        data[:at] + data[at + n :],
        data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :],
        data[:at] + chance.choice(BYTES) + data[at:],
        data[:at] + data[at : at + n] * 2 + data[at + n :],
        data[:at],
    ))  # fmt: skip


_OWN: Final[list[tuple[type, list[Edit]]]] = [
    (bool, []),
    (int, [_number]),
    (float, [_fraction]),
    (str, [_text]),
    (bytes, [_bytes]),
    (list, [_list]),
    (dict, [_dict]),
]
