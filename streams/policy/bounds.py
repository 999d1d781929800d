"""Bounds: whether the terms of a condition can hold together, as far as comparisons with constants tell."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from streams.policy.expression import Term

Constant = int | str | bool


@dataclass
class _Column:
    """What is left for one feature."""

    low: float = float("-inf")  # whole numbers: both ends belong to it
    high: float = float("inf")
    among: set[Constant] | None = None  # None = anything
    never: set[Constant] = field(default_factory=set)

    def is_empty(self) -> bool:
        """Tell whether no value is left."""
        if self.among is not None:
            return not any(self._is_within(value) for value in self.among - self.never)
        if self.high - self.low >= len(self.never):  # infinite too: then there are not enough that it may never be
            return self.low > self.high
        return all(value in self.never for value in range(int(self.low), int(self.high) + 1))

    def _is_within(self, value: Constant) -> bool:
        return not isinstance(value, int) or isinstance(value, bool) or self.low <= value <= self.high


def can_hold(terms: Iterable[Term]) -> bool:
    """Return False if the terms contradict each other; True may also mean that it is not seen."""
    columns: dict[str, _Column] = {}
    for term in terms:
        node = ast.parse(term.source, mode="eval").body
        wanted = True
        while isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            node, wanted = node.operand, not wanted
        if isinstance(node, ast.Name):
            _keep(columns.setdefault(node.id, _Column()), ast.Eq(), wanted, is_wanted=True)
        elif isinstance(node, ast.Compare) and (wanted or len(node.ops) == 1):
            left = node.left
            for op, right in zip(node.ops, node.comparators, strict=True):
                _compare(columns, left, op, right, is_wanted=wanted)
                left = right
    return not any(column.is_empty() for column in columns.values())


def _compare(
    columns: dict[str, _Column], left: ast.expr, op: ast.cmpop, right: ast.expr, *, is_wanted: bool
) -> None:
    """Take in one comparison of a feature with a constant; any other tells nothing."""
    if isinstance(right, ast.Name) and not isinstance(left, ast.Name):
        left, op, right = right, _turned(op), left
    if not isinstance(left, ast.Name):
        return
    try:
        value = ast.literal_eval(right)
    except ValueError:
        return
    _keep(columns.setdefault(left.id, _Column()), op, value, is_wanted=is_wanted)


def _turned(op: ast.cmpop) -> ast.cmpop:
    other = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
    return other.get(type(op), type(op))()


def _keep(column: _Column, op: ast.cmpop, value: Constant | tuple[Constant, ...], *, is_wanted: bool) -> None:
    """Keep of a column what compares so with a value, or what does not."""
    if isinstance(op, (ast.Eq, ast.In, ast.NotEq, ast.NotIn)):
        told = set(value) if isinstance(value, tuple) else {value}
        if isinstance(op, (ast.Eq, ast.In)) == is_wanted:
            column.among = told if column.among is None else column.among & told
        else:
            column.never |= told
        return
    if not isinstance(value, int):
        return
    if isinstance(op, (ast.Lt, ast.LtE)) == is_wanted:  # at most
        strict = isinstance(op, ast.Lt) if is_wanted else isinstance(op, ast.GtE)
        column.high = min(column.high, value - strict)
    else:
        strict = isinstance(op, ast.Gt) if is_wanted else isinstance(op, ast.LtE)
        column.low = max(column.low, value + strict)
