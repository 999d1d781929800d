"""Conditions, as their page has them: a conjunction, of which a term fails if anything that it names is missing."""

from __future__ import annotations

import ast
from functools import lru_cache
from types import CodeType
from typing import Any

Values = dict[str, Any]  # features by name


def holds(text: str, values: Values, category: str, known: frozenset[str]) -> bool:
    """Tell whether a condition about a category holds of these features; known: their names."""
    for names, code in _terms(text, category, known):
        used = {slot: values[name] for slot, name in names.items()}
        if None in used.values() or not eval(code, {"__builtins__": {}}, used):
            return False
    return True


@lru_cache(maxsize=4_096)
def _terms(text: str, category: str, known: frozenset[str]) -> list[tuple[dict[str, str], CodeType]]:
    """Return the terms, each with the features that its letters stand for."""
    if not text.strip():
        return []
    tree = ast.parse(text.strip(), mode="eval").body
    found = []
    for term in _conjuncts(tree):
        names: dict[str, str] = {}
        put = _Put(names, category, known).visit(term)
        found.append((names, compile(ast.fix_missing_locations(ast.Expression(put)), text, "eval")))
    return found


def _conjuncts(tree: ast.expr) -> list[ast.expr]:
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And):
        return [term for value in tree.values for term in _conjuncts(value)]
    return [tree]


class _Put(ast.NodeTransformer):
    """Puts a letter in the place of each feature: `bought_28d.soup`, or `bought_28d` of the condition's category."""

    def __init__(self, names: dict[str, str], category: str, known: frozenset[str]) -> None:
        self._names, self._category, self._known = names, category, known

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._slot(node.id if node.id in self._known else f"{node.id}.{self._category}")

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        return self._slot(ast.unparse(node))

    def _slot(self, name: str) -> ast.expr:
        slot = f"x{len(self._names)}"
        self._names[slot] = name
        return ast.Name(slot, ast.Load())
