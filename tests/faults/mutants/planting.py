"""Plants a bug: one function's source with some lines replaced, the code of that put in the place of its own."""

from __future__ import annotations

import importlib
import inspect
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Final

ENGINE: Final = ("streams", "agents")


class NotThere(Exception):
    """The engine has changed: the lines that a mutant replaces are not in its function any more."""


@dataclass(frozen=True)
class Mutant:
    """One bug, as a patch of one function."""

    name: str
    module: str
    function: str  # `name` or `Class.name`
    old: str
    new: str

    def changed(self) -> FunctionType:
        """Return the function as it would be; raise NotThere."""
        function = self.original()
        source = textwrap.dedent(inspect.getsource(function))
        if source.count(self.old) != 1:
            raise NotThere(f"{self.name}: expected once in {self.module}.{self.function}, found otherwise:\n{self.old}")
        lines = source.replace(self.old, self.new).splitlines()
        undecorated = lines[next(n for n, line in enumerate(lines) if line.startswith("def ")) :]
        namespace: dict[str, Any] = dict(sys.modules[self.module].__dict__)
        code = compile("\n".join(["from __future__ import annotations", *undecorated]), self.name, "exec")
        exec(code, namespace)
        made: FunctionType = namespace[function.__name__]
        return made

    def original(self) -> FunctionType:
        """Return the function that is to be changed."""
        found: Any = importlib.import_module(self.module)
        for name in self.function.split("."):
            found = inspect.getattr_static(found, name)
        found = getattr(found, "__func__", found)  # of a static method
        made: FunctionType = getattr(found, "__wrapped__", found)  # of one that is cached
        return made


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """Have the bug meanwhile, wherever the function was imported to."""
    function, changed = mutant.original(), mutant.changed()
    kept = function.__code__, function.__defaults__, function.__kwdefaults__
    _put(function, changed.__code__, changed.__defaults__, changed.__kwdefaults__)
    try:
        yield
    finally:
        _put(function, *kept)


def _put(function: FunctionType, code: Any, defaults: Any, keywords: Any) -> None:
    function.__code__, function.__defaults__, function.__kwdefaults__ = code, defaults, keywords
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ENGINE:
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
