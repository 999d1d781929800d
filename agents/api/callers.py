"""Who may call the API and what for: keys and webhooks of a file, which holds no key, only each one's SHA-256.

The file and the secrets that it names are read anew when one of them changes, so a key is given or taken without a
restart; while what stands there is no such file, who was declared before is.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import structlog

from agents.api.contract import DEADLINE_MS_MAX
from agents.api.problems import Problem
from agents.api.signatures import Signer, has_signature
from agents.errors import UserError

Role = Literal["events", "decide"]
ANY: Final = "*"
LOOK_S: Final = 1.0  # between two looks at the files
_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}

_log = structlog.get_logger(__name__)


class Key(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A caller that sends its key with each request."""

    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    roles: Annotated[list[Role], msgspec.Meta(min_length=1)]
    sources: list[str] = []  # in whose name it may speak beside its own; "*" = anybody's


class Webhook(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A caller that signs its requests."""

    secret_file: str  # beside this file: one line, whsec_<Base64>
    sources: list[str] = []


class Default(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What `POST /decide` answers where no decision came in time."""

    deadline_ms: Annotated[int, msgspec.Meta(ge=1, le=DEADLINE_MS_MAX)] = 300
    action: str | None = None
    treatment: str | None = None
    delivery_channel: str | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    decide_ms_max: Annotated[int, msgspec.Meta(ge=1, le=DEADLINE_MS_MAX)] = DEADLINE_MS_MAX
    keys: dict[str, Key] = {}
    webhooks: dict[str, Webhook] = {}
    decide: dict[str, Default] = {}  # by decision point


class Caller(msgspec.Struct, frozen=True):
    """Who makes a request."""

    name: str
    roles: frozenset[str]
    sources: frozenset[str]

    def source(self, told: str | None) -> str:
        """Return in whose name it speaks; raises Problem where it may not."""
        if told is None or told in self.sources or ANY in self.sources:
            return told or self.name
        raise Problem(403, f"source: expected one of {', '.join(sorted(self.sources))}, came {told!r}")


class Callers:
    """The callers of a file."""

    def __init__(self, path: Path) -> None:
        """Read the file; raises UserError."""
        self._path: Final = path
        self._stamp: list[tuple[int, int]] = []
        self.read()

    def read(self) -> None:
        """Take who is declared now; raises UserError, and then nothing has changed."""
        stamp, told, folder = _stamp([self._path]), _read(self._path), self._path.parent
        secret_files = [folder / hook.secret_file for hook in told.webhooks.values()]
        stamp += _stamp(secret_files)
        signers = [
            (Signer(_secret(file)), Caller(name, _EVENTS, frozenset((name, *hook.sources))))
            for file, (name, hook) in zip(secret_files, told.webhooks.items(), strict=True)
        ]
        self._signers = signers
        self._by_hash = {
            key.sha256: Caller(name, frozenset(key.roles), frozenset((name, *key.sources)))
            for name, key in told.keys.items()
        }
        self.defaults = told.decide
        self.decide_ms_max = told.decide_ms_max  # nobody waits longer
        self.read_at = time.time()
        self._files = [self._path, *secret_files]
        self._stamp = stamp

    async def follow(self) -> None:
        """Read anew whenever a file has changed, until cancelled."""
        refused: list[tuple[int, int]] = []  # what has been said to be wrong
        while True:
            await asyncio.sleep(LOOK_S)
            stamp = _stamp(self._files)
            if stamp == self._stamp:
                continue
            try:
                self.read()
            except UserError as error:
                if stamp != refused:
                    _log.error("callers stay as they were", why=str(error))
                refused = stamp
            else:
                _log.info("callers read anew")

    def caller(self, headers: Mapping[str, str], body: bytes, role: Role, now_s: float) -> Caller:
        """Return who makes a request; raises Problem where it is nobody, or has not this role."""
        if has_signature(headers):
            found = next((who for one, who in self._signers if one.has_signed(headers, body, now_s)), None)
            if found is None:
                expected = "expected a signature of a webhook that is declared, made within 5 minutes"
                raise Problem(401, expected, (), _CHALLENGE)
        else:
            scheme, _, key = headers.get("Authorization", "").partition(" ")
            found = self._by_hash.get(fingerprint(key.strip())) if scheme.lower() == "bearer" else None
            if found is None:
                raise Problem(401, "expected `Authorization: Bearer <key>` with a key that is declared", (), _CHALLENGE)
        if role not in found.roles:
            raise Problem(403, f"{found.name} has the roles {', '.join(sorted(found.roles))}; this takes {role}")
        return found


_EVENTS: Final = frozenset({"events"})


def new_key() -> str:
    """Return a new key: 256 bits by chance, so that a plain hash gives nothing away."""
    return f"ck_{secrets.token_urlsafe(32)}"


def fingerprint(key: str) -> str:
    """Return the hash by which the file knows a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def _stamp(files: list[Path]) -> list[tuple[int, int]]:
    """Return what changes with each file: when it was written, and how long it is; zeros where there is none."""
    stamps = []
    for file in files:
        try:
            found = file.stat()
        except OSError:
            stamps.append((0, 0))
        else:
            stamps.append((found.st_mtime_ns, found.st_size))
    return stamps


def _read(path: Path) -> _File:
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
    except OSError as error:
        told = f"{path}: expected a file of keys, got {error.strerror}; `continuo api-key NAME` begins one"
        raise UserError(told) from None
    except (ValueError, msgspec.ValidationError, RecursionError) as error:
        raise UserError(f"{path}: expected keys, webhooks and defaults in TOML, got: {error}") from None


def _secret(path: Path) -> bytes:
    try:
        return Signer.secret(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: expected the secret of a webhook, got {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"{path}: expected one line, whsec_ and Base64 of 24 bytes or more, got {error}") from None
