"""The API's OpenAPI document: made of what is read and answered, and of the current policy's event catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any, Final

import msgspec

from agents.api.contract import DEADLINE_MS_MAX, EVENTS_MAX, PRINTABLE, Accepted, Decided, EventTold
from streams.ingest import AMOUNT_MAX, BUILT_IN, INSTANT_MAX, NAME_MAX
from streams.policy import EventType, Policy

Schema = dict[str, Any]

_REF: Final = "#/components/schemas/{name}"
_TYPES: Final[dict[str, Schema]] = {
    "string": {"type": "string"},
    "int": {"type": "integer", "minimum": -(1 << 63), "maximum": (1 << 63) - 1},
    "bool": {"type": "boolean"},
    "number": {"type": "number", "minimum": -(1 << 63), "maximum": (1 << 63) - 1},
    "money": {"type": "number", "minimum": -AMOUNT_MAX, "maximum": AMOUNT_MAX},
}
_INSTANT: Final = {"anyOf": [{"type": "integer", "minimum": 1, "maximum": INSTANT_MAX - 1}, {"type": "null"}]}
_PROBLEM: Final[Schema] = {
    "type": "object",
    "required": ["title", "status", "detail", "faults"],
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "faults": {"type": "array", "items": {
            "type": "object",
            "required": ["where", "cause", "detail"],
            "properties": {name: {"type": "string"} for name in ("where", "cause", "detail")},
        }},
    },
}  # fmt: skip
_REFUSALS: Final = {
    400: "The body, a header or a parameter is not of its form.",
    401: "No key or signature that is declared.",
    403: "The caller has not this role, or not this source.",
    413: "The body, or an event in it, is too large.",
    415: "The body is not JSON.",
    409: "An event is of the future, by the clock of now; none was taken.",
    422: "The policy's event catalogue does not take an event; none was taken.",
    503: "Not certain that all is in Kafka: repeat it with the same ids or the same key.",
}


def document(policy: Policy) -> Schema:
    """Return the document as it is under this policy."""
    _, parts = msgspec.json.schema_components([EventTold, Accepted, Decided], ref_template=_REF)
    event = parts.pop("EventTold")
    catalogue = policy.events | BUILT_IN
    triggers = [catalogue[name] for name, points in sorted(policy.points_by_trigger.items()) if points]
    parts |= {
        "Problem": _PROBLEM,
        "Event": _one_of(event, catalogue.values()),
        "Trigger": _one_of(event, triggers),
        "Events": {"type": "array", "items": _ref("Event"), "minItems": 1, "maxItems": EVENTS_MAX},
    }
    either = {"anyOf": [_ref("Event"), _ref("Events")]}
    deadline = {
        "name": "deadline_ms", "in": "query", "required": False,
        "description": "How long to wait; by default what is declared for the decision point.",
        "schema": {"type": "integer", "minimum": 1, "maximum": DEADLINE_MS_MAX},
    }  # fmt: skip
    return {
        "openapi": "3.1.0",
        "info": {"title": "Continuo", "version": version("continuo"), "summary": "Events in, decisions out."},
        "paths": {
            "/events": {"post": _operation(
                "postEvents", "Tell one event or many; 202 means that all of them are in Kafka.", either, "202",
                "Accepted", [_IDEMPOTENCY],
            )},
            "/decide": {"post": _operation(
                "decide", "Tell an event and wait for what is decided, or for the declared default.", _ref("Trigger"),
                "200", "Decided", [_IDEMPOTENCY, deadline],
            )},
        },
        "components": {
            "schemas": parts,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }  # fmt: skip


_IDEMPOTENCY: Final[Schema] = {
    "name": "Idempotency-Key", "in": "header", "required": False,
    "description": "Ids of events that have none follow from it: the same key again is the same events.",
    "schema": {"type": "string", "minLength": 1, "maxLength": NAME_MAX, "pattern": PRINTABLE},
}  # fmt: skip


def _operation(name: str, summary: str, body: Schema, status: str, answer: str, parameters: list[Schema]) -> Schema:
    problems = {
        str(code): {"description": said, "content": {"application/problem+json": {"schema": _ref("Problem")}}}
        for code, said in _REFUSALS.items()
    }
    return {
        "operationId": name,
        "summary": summary,
        "security": [{"key": []}],
        "parameters": parameters,
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            status: {"description": summary, "content": {"application/json": {"schema": _ref(answer)}}},
            **problems,
        },
    }


def _one_of(event: Schema, kinds: Iterable[EventType]) -> Schema:
    return {"anyOf": [_event(event, kind) for kind in kinds]}


def _event(event: Schema, kind: EventType) -> Schema:
    """Return what an event of one type may be."""
    told: Schema = event["properties"]["properties"]
    typed = dict(kind.properties.items())
    shown = {name: dict(_TYPES[expected]) for name, expected in typed.items()}
    if kind.links:
        shown[kind.links] |= {"minLength": 1, "maxLength": NAME_MAX}
    properties = {
        "type": "object", "properties": shown, "required": sorted(set(typed) - kind.optional),
        "additionalProperties": told["additionalProperties"],
    }  # fmt: skip
    fields = event["properties"] | {"type": {"const": kind.name}, "properties": properties, "occurred_at": _INSTANT}
    required = ["profile_id", "type", *(["properties"] if properties["required"] else [])]
    return event | {"title": kind.name, "properties": fields, "required": required}


def _ref(name: str) -> Schema:
    return {"$ref": _REF.format(name=name)}
