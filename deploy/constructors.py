"""Writes out the constructors of dataclasses, for the compiler alone.

mypyc leaves the constructor that `dataclass` makes at run time in Python, where it costs several times what it does in
a pure build; one that is written in the class becomes native.  The sources stay as they are: only what is handed to the
compiler is changed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator


def with_constructors(text: str) -> str:
    """Return a module in which each dataclass that is not frozen has its constructor written out."""
    lines = text.splitlines()
    for made in reversed([node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]):
        decorator = next((one for one in made.decorator_list if _is_dataclass(one)), None)
        fields = [node for node in made.body if isinstance(node, ast.AnnAssign)]
        if decorator is None or not fields:
            continue
        lines[made.end_lineno or 0 : made.end_lineno] = ["", *_constructor(fields)]
        lines[decorator.lineno - 1] = "@dataclass(init=False)"
    return "\n".join([*lines, ""])


def _is_dataclass(node: ast.expr) -> bool:
    """Tell whether a decorator makes a dataclass whose fields may be set."""
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func) == "dataclass"
        and all(keyword.arg != "frozen" for keyword in node.keywords)
    )


def _constructor(fields: list[ast.AnnAssign]) -> Iterator[str]:
    parameters, body = [], []
    for field in fields:
        name, kind = ast.unparse(field.target), ast.unparse(field.annotation)
        factory = _factory(field.value)
        if factory is not None:
            parameters.append(f"{name}: {kind} | None = None")
            body.append(f"        self.{name} = {factory}() if {name} is None else {name}")
        else:
            default = "" if field.value is None else f" = {ast.unparse(field.value)}"
            parameters.append(f"{name}: {kind}{default}")
            body.append(f"        self.{name} = {name}")
    yield f"    def __init__(self, {', '.join(parameters)}) -> None:"
    yield from body


def _factory(value: ast.expr | None) -> str | None:
    """Return what makes a field's default."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "field":
        return next(ast.unparse(keyword.value) for keyword in value.keywords if keyword.arg == "default_factory")
    return None
