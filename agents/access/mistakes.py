"""What of the security settings does not fit together, or cannot be read: told before anything is connected."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agents.access.servers import Security, read_secret, tls_context


def mistakes_of(security: Security, *, embedded: bool) -> Iterator[str]:
    """Yield a sentence for each mistake: the setting, what was expected, what came."""
    if embedded and security.protocol != "PLAINTEXT":
        yield "CONTINUO_TLS, CONTINUO_SASL_…: expected CONTINUO_BROKER too: the embedded Kafka talks in the clear"
    yield from _tls(security)
    yield from _sasl(security)
    yield from _compression(security.compression)


def _tls(security: Security) -> Iterator[str]:
    files = _files(security, "tls_")
    if files and not security.tls:
        yield f"CONTINUO_TLS: expected true, because of {', '.join(files)}"
    if security.tls_certificate_file is None:
        for name in files.keys() & {"CONTINUO_TLS_KEY_FILE", "CONTINUO_TLS_KEY_PASSWORD_FILE"}:
            yield f"{name}: expected CONTINUO_TLS_CERTIFICATE_FILE too, the certificate that the key is of"
    unread = [told for name, path in files.items() if (told := _unread(name, path))]
    yield from unread
    if security.tls and not unread:
        try:
            tls_context(security)
        except (ssl.SSLError, OSError, ValueError) as error:
            yield (
                f"{', '.join(files)}: expected certificates and a key in PEM that belong together, and the key's "
                f"password, got {error.args[-1] if error.args else error}"
            )


def _sasl(security: Security) -> Iterator[str]:
    told = {
        "CONTINUO_SASL_MECHANISM": security.sasl_mechanism,
        "CONTINUO_SASL_USER": security.sasl_user,
        "CONTINUO_SASL_PASSWORD_FILE": security.sasl_password_file,
    }
    if any(told.values()):
        for name in [name for name, value in told.items() if not value]:
            yield f"{name}: expected a value, because of {', '.join(one for one, value in told.items() if value)}"
    if security.sasl_mechanism == "PLAIN" and not security.tls:
        yield "CONTINUO_SASL_MECHANISM: expected CONTINUO_TLS=true with PLAIN, which sends the password as it is"
    for name, path in _files(security, "sasl_").items():
        if unread := _unread(name, path):
            yield unread
        elif not read_secret(path):
            yield f"{name}: expected a password in {path}, got an empty file"


def _compression(codec: str) -> Iterator[str]:
    from aiokafka import codec as codecs  # noqa: PLC0415 — settings are read where no Kafka is

    is_there = codec == "none" or getattr(codecs, f"has_{codec}")()
    if not is_there:
        yield f"CONTINUO_COMPRESSION: expected a codec whose library is installed, got {codec}: pip install cramjam"


def _files(security: Security, prefix: str) -> dict[str, Path]:
    named: dict[str, Any] = {name: getattr(security, name) for name in Security.__slots__ if name.startswith(prefix)}
    return {f"CONTINUO_{name.upper()}": value for name, value in named.items() if isinstance(value, Path)}


def _unread(name: str, path: Path) -> str:
    try:
        path.read_bytes()
    except OSError as error:
        return f"{name}: expected a file that can be read, got {path} ({error.strerror})"
    return ""
