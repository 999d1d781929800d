"""Declarative mapping: an activation becomes a request by a template, and the answer an outcome by a table."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import quote

from streams.policy.providers import PLACE, Provider
from streams.records import Activation

REASON_MAX: Final = 100  # characters of what a provider says that are kept in a report


class Unmapped(Exception):
    """An activation lacks what its template asks for."""


def fill(template: Any, activation: Activation) -> Any:
    """Return a template with its places filled; raises Unmapped, which names the place."""
    if isinstance(template, dict):
        return {key: fill(value, activation) for key, value in template.items()}
    if isinstance(template, list):
        return [fill(value, activation) for value in template]
    if not isinstance(template, str):
        return template
    whole = PLACE.fullmatch(template)
    if whole:
        return _value(whole, activation)
    return PLACE.sub(lambda found: str(_value(found, activation)), template)


def address(template: str, activation: Activation) -> str:
    """Return a template of a URL with its places filled, each as one part of a path; raises Unmapped."""
    return PLACE.sub(lambda found: quote(str(_value(found, activation)), safe=""), template)


def query_address(template: str, activation_id: str) -> str:
    """Return the address that tells what became of an activation."""
    return template.replace("{activation_id}", quote(activation_id, safe=""))


def meaning(provider: Provider, body: Any) -> tuple[str, str]:
    """Return the outcome that the body of an answer means, "" if it means none, and the value that told."""
    value = body
    for name in provider.answer_field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    told = str(value)
    return provider.meanings.get(told, ""), told[:REASON_MAX]


def _value(found: re.Match[str], activation: Activation) -> Any:
    name, entry = found[1], found[2]
    if name != "content":
        return getattr(activation, name)
    if entry not in activation.content:
        raise Unmapped(f"unmapped:content.{entry}")
    return activation.content[entry]
