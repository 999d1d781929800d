"""Which of a model's inputs belong to which category, read from the names: `bought_28d.soup` is about `soup`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """A model's inputs as one small model per key sees them: what all share, and what is the key's own.

    A model that does not answer by category has one key, the empty one, and sees every input.
    """

    inputs: tuple[str, ...]
    keys: tuple[str, ...]
    names: tuple[str, ...]  # of one key's features, the shared ones first, a keyed one without its key
    columns: tuple[tuple[int, ...], ...]  # by key: where in `inputs` the features stand, in the order of `names`


def lay_out(inputs: Sequence[str], keys: Sequence[str] = ()) -> Layout:
    """Return the layout; raise ValueError naming the feature that some key lacks."""
    if not keys:
        return Layout(tuple(inputs), ("",), tuple(inputs), (tuple(range(len(inputs))),))
    shared: list[int] = []
    keyed: dict[str, dict[str, int]] = {}
    known = set(keys)
    for at, name in enumerate(inputs):
        feature, _, key = name.partition(".")
        if key in known:
            keyed.setdefault(feature, {})[key] = at
        else:
            shared.append(at)
    for feature, places in keyed.items():
        if lacking := [key for key in keys if key not in places]:
            message = f"input {feature} is keyed, but has no value for {', '.join(lacking)}"
            raise ValueError(message)
    names = (*(inputs[at] for at in shared), *keyed)
    columns = tuple((*shared, *(places[key] for places in keyed.values())) for key in keys)
    return Layout(tuple(inputs), tuple(keys), names, columns)
