"""Draws mutants of the engine with mutmut's operators: `draw.py SEED COUNT` prints them as JSON, one a line.

It runs in mutmut's own environment (`make mutants`): mutmut needs a newer click than Continuo.
"""

from __future__ import annotations

import difflib
import json
import random
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import libcst
from mutmut.mutation import file_mutation
from mutmut.mutation.trampoline_templates import mangle_function_name

ROOT: Final = Path(__file__).resolve().parents[3]
# Where a person's events become decisions and rewards; not what only explains them, or compiles a policy.
FILES: Final = (
    *(f"streams/decision/{name}.py" for name in (
        "calendar", "calibrate", "decay", "effects", "evidence", "exploration", "filters", "holdout", "observe",
        "order", "priority", "verdict",
    )),
    *(f"streams/{name}.py" for name in ("activate", "arbitrate", "attribute", "ids", "ingest", "outbox", "profile",
                                        "propose", "retrain", "state", "step")),
    "agents/applier.py", "agents/turn.py",
)  # fmt: skip


def mutants_of(path: str) -> Iterator[dict[str, Any]]:
    """Yield every mutant that mutmut makes of a file, named as mutmut names it."""
    code = (ROOT / path).read_text(encoding="utf-8")
    module, mutations, *_ = file_mutation.create_mutations(path, code)
    by_function = file_mutation.group_by_top_level_node(mutations)
    named = [("", one) for one in module.body if isinstance(one, libcst.FunctionDef)]
    for owner in module.body:
        if isinstance(owner, libcst.ClassDef) and isinstance(owner.body, libcst.IndentedBlock):
            named += [(owner.name.value, one) for one in owner.body.body if isinstance(one, libcst.FunctionDef)]
    place = path.removesuffix(".py").replace("/", ".")
    for owner_name, function in named:
        name = function.name.value
        mangled = mangle_function_name(name=name, class_name=owner_name or None)
        old = source_of(module, function)
        for number, mutation in enumerate(by_function.get(function, ()), 1):
            changed = file_mutation.deep_replace(function, mutation.original_node, mutation.mutated_node)
            patch = patch_of(old, source_of(module, changed))
            yield {
                "name": f"{place}.{mangled}__mutmut_{number}", "module": place,
                "function": f"{owner_name}.{name}" if owner_name else name, "old": patch[0], "new": patch[1],
            }  # fmt: skip


def source_of(module: libcst.Module, node: Any) -> str:
    return textwrap.dedent(module.code_for_node(node.with_changes(leading_lines=[])))


def patch_of(old: str, new: str) -> tuple[str, str]:
    """Return the lines that differ, with as many around them as it takes to find them once."""
    before, after = old.splitlines(), new.splitlines()
    blocks = [one for one in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
              if one[0] != "equal"]  # fmt: skip
    first, last = blocks[0][1], blocks[-1][2]
    shift = len(after) - len(before)
    while old.count("\n".join(before[first:last])) != 1 or first == last:
        first, last = max(0, first - 1), min(len(before), last + (first in {0, last}))
    return "\n".join(before[first:last]), "\n".join(after[first : last + shift])


def main(seed: int, count: int) -> None:
    """Print a sample of all mutants; the seed decides which."""
    drawn = [mutant for path in FILES for mutant in mutants_of(path)]
    print(f"{len(drawn)} mutants, {count} are drawn", file=sys.stderr)
    for mutant in random.Random(seed).sample(drawn, count):
        print(json.dumps(mutant))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
