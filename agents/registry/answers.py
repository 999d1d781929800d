"""What the read-only registry answers: Confluent's paths, bodies and error codes, over the built-in schemas."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from fastavro.schema import SchemaParseException, parse_schema

import schemas
from agents.registry.subjects import schema_of, subjects

CONTENT_TYPE: Final = "application/vnd.schemaregistry.v1+json"
COMPATIBILITY: Final = "FULL_TRANSITIVE"
_VERSION_MAX: Final = 2**31 - 1
_READ_ONLY: Final = (
    "this registry is read-only: its schemas are released with Continuo. "
    "`continuo schemas register --registry URL` puts them into a registry of yours"
)


class Answer(NamedTuple):
    """A status and a body that is sent as JSON."""

    status: int
    body: Any


class Refused(Exception):
    """A request that is answered by one of Confluent's error codes; the first three digits are the status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.answer: Final = Answer(int(str(code)[:3]), {"error_code": code, "message": message})


class Registry:
    """The schemas of one deployment, whose topics name the subjects."""

    def __init__(self, namespace: str) -> None:
        self._namespace: Final = namespace

    def answer(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Answer:
        """Answer one request; nothing that is asked for changes anything."""
        asked = "GET" if method == "HEAD" else method
        found = [(verb, tell, match) for verb, pattern, tell in _ROUTES if (match := pattern.fullmatch(path))]
        try:
            for verb, tell, match in found:
                if verb == asked:
                    return Answer(200, tell(self, *match.groups(), query=query, body=body))
        except Refused as refused:
            return refused.answer
        if asked == "GET":
            return Refused(404, f"HTTP 404 Not Found: there is no {path}").answer
        return Refused(42205, f"{method} {path}: {_READ_ONLY}").answer

    def types(self, **_: Any) -> list[str]:
        """Return the kinds of schema there are."""
        return ["AVRO"]

    def config(self, subject: str | None, **_: Any) -> dict[str, str]:
        """Return which versions must be able to read which, of a subject or of all."""
        if subject is not None:
            self._name(subject)
        return {"compatibilityLevel": COMPATIBILITY}

    def mode(self, subject: str | None, **_: Any) -> dict[str, str]:
        """Return that nothing can be written, of a subject or of all."""
        if subject is not None:
            self._name(subject)
        return {"mode": "READONLY"}

    def subjects(self, *, query: Mapping[str, str], **_: Any) -> list[str]:
        """Return the subjects, those of topics per model left out: any model's is answered when asked for."""
        prefix = query.get("subjectPrefix", "")
        return sorted(subject for subject in subjects(self._namespace) if subject.startswith(prefix))

    def versions(self, subject: str, **_: Any) -> list[int]:
        """Return the versions of a subject."""
        return schemas.versions(self._name(subject))

    def version(self, subject: str, told: str, **_: Any) -> dict[str, Any]:
        """Return one version of a subject, by its number or `latest`."""
        return self._entry(subject, self._version(self._name(subject), told))

    def version_schema(self, subject: str, told: str, **_: Any) -> dict[str, Any]:
        """Return the bare schema of one version of a subject."""
        name = self._name(subject)
        return schemas.load(name, self._version(name, told))

    def look_up(self, subject: str, *, body: bytes, **_: Any) -> dict[str, Any]:
        """Return the version of a subject that says the same as the schema sent, documentation aside."""
        name = self._name(subject)
        meant = _meaning(_sent(body))
        for version in schemas.versions(name):
            if _meaning(schemas.load(name, version)) == meant:
                return self._entry(subject, version)
        raise Refused(40403, f"Schema not found: no version of {subject} says the same as what was sent")

    def by_id(self, told: str, **_: Any) -> dict[str, Any]:
        """Return the schema of an id, as the five bytes before a record name it."""
        return {"schema": json.dumps(schemas.load(*_known(told)))}

    def by_id_schema(self, told: str, **_: Any) -> dict[str, Any]:
        """Return the bare schema of an id."""
        return schemas.load(*_known(told))

    def by_id_versions(self, told: str, **_: Any) -> list[dict[str, Any]]:
        """Return the subjects that an id's schema stands under, with its version."""
        name, version = _known(told)
        found = sorted(subject for subject, schema in subjects(self._namespace).items() if schema == name)
        return [{"subject": subject, "version": version} for subject in found]

    def by_id_subjects(self, told: str, **_: Any) -> list[str]:
        """Return the subjects that an id's schema stands under."""
        return [one["subject"] for one in self.by_id_versions(told)]

    def _name(self, subject: str) -> str:
        name = schema_of(self._namespace, subject)
        if name is None:
            raise Refused(40401, f"Subject '{subject}' not found: `GET /subjects` lists those that are there")
        return name

    def _version(self, name: str, told: str) -> int:
        there = schemas.versions(name)
        if told in {"latest", "-1"}:
            return there[-1]
        if not re.fullmatch(r"[0-9]{1,10}", told) or not 0 < int(told) <= _VERSION_MAX:
            raise Refused(42202, f"The version '{told}' is not a valid version id: expected 1 or more, or latest")
        if int(told) not in there:
            raise Refused(40402, f"Version {told} not found: there are {', '.join(map(str, there))}")
        return int(told)

    def _entry(self, subject: str, version: int) -> dict[str, Any]:
        name = self._name(subject)
        number, schema = schemas.schema_id(name, version), json.dumps(schemas.load(name, version))
        return {"subject": subject, "version": version, "id": number, "schemaType": "AVRO", "schema": schema}


def _known(told: str) -> tuple[str, int]:
    known = schemas.by_id(int(told)) if re.fullmatch(r"[0-9]{1,10}", told) else None
    if known is None:
        first = schemas.BUILT_IN + 1
        raise Refused(40403, f"Schema {told} not found: ours have ids from {first} on")
    return known


def _sent(body: bytes) -> Any:
    try:
        told = json.loads(body)
        if told.get("schemaType", "AVRO") != "AVRO":
            raise Refused(42201, f"Invalid schema: expected the type AVRO, came {told['schemaType']!r}")
        return json.loads(told["schema"])
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        raise Refused(42201, 'Invalid schema: expected {"schema": "<a schema in JSON, as a string>"}') from None


def _meaning(schema: Any) -> Any:
    try:
        return _undocumented(parse_schema(schema))
    except (SchemaParseException, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(42201, f"Invalid schema: {error}") from None


def _undocumented(part: Any) -> Any:
    if isinstance(part, dict):
        # fastavro leaves marks of its own, which begin so
        kept = {key: value for key, value in part.items() if key != "doc" and not key.startswith("__")}
        return {key: value if key == "default" else _undocumented(value) for key, value in kept.items()}
    return [_undocumented(one) for one in part] if isinstance(part, list) else part


_ONE: Final = "([^/]+)"
_ROUTES: Final[tuple[tuple[str, re.Pattern[str], Callable[..., Any]], ...]] = tuple(
    (verb, re.compile(path), tell)
    for verb, path, tell in (
        ("GET", "/schemas/types", Registry.types),
        ("GET", f"/schemas/ids/{_ONE}", Registry.by_id),
        ("GET", f"/schemas/ids/{_ONE}/schema", Registry.by_id_schema),
        ("GET", f"/schemas/ids/{_ONE}/subjects", Registry.by_id_subjects),
        ("GET", f"/schemas/ids/{_ONE}/versions", Registry.by_id_versions),
        ("GET", "/subjects", Registry.subjects),
        ("POST", f"/subjects/{_ONE}", Registry.look_up),
        ("GET", f"/subjects/{_ONE}/versions", Registry.versions),
        ("GET", f"/subjects/{_ONE}/versions/{_ONE}", Registry.version),
        ("GET", f"/subjects/{_ONE}/versions/{_ONE}/schema", Registry.version_schema),
        ("GET", f"/config(?:/{_ONE})?", Registry.config),
        ("GET", f"/mode(?:/{_ONE})?", Registry.mode),
    )
)
