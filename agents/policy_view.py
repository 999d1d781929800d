"""Published policies as a person sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agents.errors import UserError
from agents.policy_topic import Bundle

SHORT: Final = 12  # characters of a hash that are shown, and at least enough to name one
SECTIONS: Final = ("events", "features", "delivery_channels", "categories", "actions", "contact", "models", "outcomes",
                   "decision_points")  # fmt: skip


def find(bundles: Mapping[str, Bundle], name: str) -> str:
    """Return the hash that a person means by its beginning; raises UserError where it is none, or more than one."""
    found = [one for one in bundles if one.startswith(name)] if name else []
    if len(found) == 1:
        return found[0]
    known = ", ".join(one[:SHORT] for one in bundles) or "none was published yet"
    raise UserError(f"expected the hash of one published policy, or its beginning, got {name!r}; there are: {known}")


def overview(bundles: Mapping[str, Bundle], current: str) -> str:
    """Return one line for each policy, in the order in which they were published."""
    marks = {name: "*" if name == current else " " for name in bundles}
    return "".join(f"{marks[name]} {name[:SHORT]}  {told.get('name', '')}\n" for name, told in bundles.items())


def summary(bundle: Mapping[str, Any]) -> str:
    """Return what a policy holds, counted by section."""
    lines = [f"\n{bundle.get('name', '')}, in {bundle.get('currency', '')}, {bundle.get('zone', '')}"]
    lines += [f"  {len(bundle.get(section) or ()):>5} {section.replace('_', ' ')}" for section in SECTIONS]
    return "\n".join(lines)
