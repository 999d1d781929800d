"""The brokers as every client is told of them: addresses, and with them how to talk there.

They travel together, as one value, so that no client can be made that knows the one without the other.
"""

from __future__ import annotations

import functools
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

CODECS: Final = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}  # as batches name them


@dataclass(frozen=True, slots=True)
class Security:
    """How a Kafka is talked to; the default is in the clear, as nobody. Secrets are files, read when needed."""

    tls: bool = False
    tls_ca_file: Path | None = None  # None = the authorities that the system trusts
    tls_certificate_file: Path | None = None
    tls_key_file: Path | None = None  # None = in the certificate's file
    tls_key_password_file: Path | None = None
    sasl_mechanism: str | None = None
    sasl_user: str | None = None
    sasl_password_file: Path | None = None
    compression: str = "none"

    @property
    def protocol(self) -> str:
        """Return Kafka's word for it."""
        return ("SASL_" if self.sasl_mechanism else "") + ("SSL" if self.tls else "PLAINTEXT")


class Servers(str):
    """`host:port[,host:port]`, and how to talk there; a plain string is talked to in the clear."""

    __slots__ = ("security",)
    security: Security

    def __new__(cls, addresses: str, security: Security | None = None) -> Self:
        """Return the addresses with what they need."""
        servers = super().__new__(cls, addresses)
        servers.security = security or Security()
        return servers


def security_of(servers: str) -> Security:
    """Return how to talk to these brokers."""
    return servers.security if isinstance(servers, Servers) else Security()


def connecting(servers: str) -> dict[str, Any]:
    """Return the options with which any client of aiokafka is made."""
    security = security_of(servers)
    options: dict[str, Any] = {"bootstrap_servers": str(servers), "security_protocol": security.protocol}
    if security.tls:
        options["ssl_context"] = tls_context(security)
    if security.sasl_mechanism:
        options |= {
            "sasl_mechanism": security.sasl_mechanism,
            "sasl_plain_username": security.sasl_user,
            "sasl_plain_password": read_secret(security.sasl_password_file),
        }
    return options


def writing(servers: str) -> dict[str, Any]:
    """Return the same for a client that writes."""
    compression = security_of(servers).compression
    return connecting(servers) | {"compression_type": None if compression == "none" else compression}


@functools.lru_cache(maxsize=8)  # a process talks to one Kafka; a context takes milliseconds and reads files
def tls_context(security: Security) -> ssl.SSLContext:
    """Return what a connection is wrapped in; raises OSError or ValueError where its files are no good."""
    context = ssl.create_default_context(cafile=security.tls_ca_file)
    if security.tls_certificate_file is not None:
        # Without a word of its own OpenSSL would ask for one on the terminal.
        password = read_secret(security.tls_key_password_file) if security.tls_key_password_file else ""
        context.load_cert_chain(security.tls_certificate_file, security.tls_key_file, password)
    return context


def read_secret(path: Path | None) -> str:
    """Return what a secret's file holds, without the end of its line."""
    return "" if path is None else path.read_text(encoding="utf-8").rstrip("\r\n")
