"""The condition language: a typed subset of Python expressions over features.

    recency_d <= 30 and not (spend_28d > 20_000_000 or segment in ("new", "lost")) and bought_28d.soup >= 1

A condition is a conjunction.  A feature that is missing fails every term it stands in, whatever the term says of it
(`not (recency_d > 60)` is no way to let a person in of whom we know nothing).  A feature that has a value per category
is written `name.category`, or `name` alone where the condition is about one category.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

from streams.policy.features import Features
from streams.policy.problems import expected_one_of
from streams.records import Feature

TEXT_MAX: Final = 2_000  # characters
NESTED_MAX: Final = 50  # parts in each other; else how deep the stack is already would tell whether it is a condition
WHOLE_MAX: Final = 1 << 62

Refused = Callable[[list[Feature]], int]  # feature values in, bits of the terms that do not hold out

_ORDER: Final = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_EQUALITY: Final = (ast.Eq, ast.NotEq)
_MEMBERSHIP: Final = (ast.In, ast.NotIn)
_ARITHMETIC: Final = (ast.Add, ast.Sub, ast.Mult)
_CONSTANTS: Final = {int: "int", str: "str", bool: "bool"}


class ConditionError(Exception):
    """A text is no condition; the message says why."""


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a condition: it holds if none of what it uses is missing and its source is true."""

    source: str  # Python over v<column>; equal terms have equal sources
    uses: tuple[int, ...]  # columns of the features, ascending


def parse(text: str, features: Features, category: str = "") -> tuple[Term, ...]:
    """Return the terms of a condition that is about one category, or about none; raise ConditionError if it is none."""
    if len(text) > TEXT_MAX:
        raise ConditionError(f"expected at most {TEXT_MAX} characters, got {len(text)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of what is no part of the language anyway: `1if`, '\d'
            tree = ast.parse(text.strip(), mode="eval").body
        _check_nesting(tree)
        reader = _Reader(features, category)
        if reader.type_of(tree) != "bool":
            raise ConditionError(f"expected something true or false, got {text!r}")
        columns = _Columns(reader)
        return tuple(_term(cast("ast.expr", columns.visit(term))) for term in _conjuncts(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError, Warning) as error:
        raise ConditionError(f"expected a condition such as 'recency_d <= 30', got {text!r} ({error})") from error


def compile_refused(masks: dict[Term, int]) -> Refused:
    """Return one function for all terms: it gives the union of the masks of those that do not hold.

    Each distinct term is tested once, each feature read once.
    """
    used = sorted({column for term in masks for column in term.uses})
    lines = ["def refused(f):", "    out = 0"]
    lines += [f"    v{column} = f[{column}]" for column in used]
    for term, mask in masks.items():
        missing = "".join(f"v{column} is None or " for column in term.uses)
        lines.append(f"    if {missing}not ({term.source}): out |= {mask:#x}")
    namespace: dict[str, Any] = {"__builtins__": {}}
    exec("\n".join([*lines, "    return out"]), namespace)  # noqa: S102  # built above from parsed, whitelisted terms only
    return cast("Refused", namespace["refused"])


def _check_nesting(tree: ast.expr) -> None:
    level: list[ast.AST] = [tree]
    for _ in range(NESTED_MAX):
        level = [part for whole in level for part in ast.iter_child_nodes(whole)]
    if level:
        raise ConditionError(f"expected parts at most {NESTED_MAX} deep in each other")


class _Reader:
    """Types of the parts of a condition, and its names as columns."""

    def __init__(self, features: Features, category: str) -> None:
        self.features: Final = features
        self.category: Final = category
        self.at: Final = {name: index for index, name in enumerate(features.names)}

    def name_of(self, node: ast.expr) -> str:
        """Return the feature that a name or `name.category` means."""
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Name):
            name = node.id
            if name in self.features.keyed:
                if not self.category:
                    raise ConditionError(f"{name} has a value per category: write {name}.<category>")
                name = f"{name}.{self.category}"
        else:
            raise ConditionError(f"{ast.unparse(node)!r} is not part of the condition language")
        if name not in self.at:
            declared = [*self.features.keyed, *self.features.names]
            raise ConditionError(f"unknown feature {name!r}: {expected_one_of(declared, name)}")
        return name

    def type_of(self, node: ast.expr) -> str:
        """Return int, str or bool; raise ConditionError where the parts do not fit."""
        if isinstance(node, ast.Constant):
            return self._constant(node)
        if isinstance(node, ast.BoolOp):
            for value in node.values:
                self._expect(value, "bool")
            return "bool"
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self._expect(node.operand, "bool")
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return self._expect(node.operand, "int")
        if isinstance(node, ast.BinOp) and isinstance(node.op, _ARITHMETIC):
            self._expect(node.left, "int")
            return self._expect(node.right, "int")
        if isinstance(node, ast.Compare):
            return self._compare(node)
        return self.features.types[self.name_of(node)]

    def column_of(self, node: ast.Name | ast.Attribute) -> ast.Name:
        """Return v<column> for the feature that a name or `name.category` means."""
        return ast.Name(f"v{self.at[self.name_of(node)]}", ast.Load())

    def _constant(self, node: ast.Constant) -> str:
        kind = _CONSTANTS.get(type(node.value))
        if kind is None or (kind == "int" and abs(cast("int", node.value)) > WHOLE_MAX):
            raise ConditionError(f"expected a whole number, text, True or False, got {ast.unparse(node)}")
        return kind

    def _expect(self, node: ast.expr, kind: str) -> str:
        found = self.type_of(node)
        if found != kind:
            raise ConditionError(f"expected {kind}, got {found}: {ast.unparse(node)}")
        return kind

    def _compare(self, node: ast.Compare) -> str:
        left = node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            kind = self.type_of(left)
            if isinstance(op, _MEMBERSHIP):
                self._check_members(right, kind, is_alone=len(node.ops) == 1)
            elif isinstance(op, _ORDER):
                self._expect(left, "int")
                self._expect(right, "int")
            elif isinstance(op, _EQUALITY):
                self._expect(right, kind)
            else:
                raise ConditionError(f"{ast.unparse(node)!r} is not part of the condition language")
            left = right
        return "bool"

    def _check_members(self, node: ast.expr, kind: str, *, is_alone: bool) -> None:
        if not isinstance(node, ast.Tuple) or not node.elts or not is_alone:
            raise ConditionError(f"expected constants in brackets after in, got {ast.unparse(node)}")
        for member in node.elts:
            if not isinstance(member, ast.Constant) or self._constant(member) != kind:
                raise ConditionError(f"expected {kind}, got {ast.unparse(member)}")


class _Columns(ast.NodeTransformer):
    """Writes v<column> for each feature."""

    def __init__(self, reader: _Reader) -> None:
        self.reader: Final = reader

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.reader.column_of(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        return self.reader.column_of(node)


def _conjuncts(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        return [term for value in node.values for term in _conjuncts(value)]
    return [node]


def _term(node: ast.expr) -> Term:
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return Term(ast.unparse(node), tuple(sorted(int(name[1:]) for name in names)))
