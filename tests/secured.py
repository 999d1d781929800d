"""A real broker as companies run one: TLS, mTLS and SASL beside each other, ACLs, an authority that signs."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # documented, not re-exported
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agents import broker as embedded
from agents.access import grants
from agents.broker import ports
from tests.brokers import free_port

PASSWORD: Final = "correct horse"
_KINDS: Final = {
    grants.TOPIC: ResourceType.TOPIC,
    grants.GROUP: ResourceType.GROUP,
    grants.TRANSACTION: ResourceType.TRANSACTIONAL_ID,
}
_MECHANISMS: Final = (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)
_MORE: Final = """
listeners=PLAINTEXT://127.0.0.1:{clear},CONTROLLER://127.0.0.1:{controller},SASL://127.0.0.1:{sasl},MTLS://127.0.0.1:{mtls},STALE://127.0.0.1:{stale}
advertised.listeners=PLAINTEXT://127.0.0.1:{clear},SASL://127.0.0.1:{sasl},MTLS://127.0.0.1:{mtls},STALE://127.0.0.1:{stale}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_SSL,MTLS:SSL,STALE:SSL
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/authority.pem
ssl.principal.mapping.rules=RULE:^CN=([^,]+).*$/$1/
listener.name.mtls.ssl.client.auth=required
listener.name.stale.ssl.keystore.type=PEM
listener.name.stale.ssl.keystore.location={folder}/stale.pem
listener.name.sasl.sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN
listener.name.sasl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
    user_operator="{password}";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""


class Authority:
    """Signs certificates into a folder."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.file = folder, folder / f"{name}.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = self._certificate(self._name, self._key.public_key(), is_authority=True).sign(self._key, hashes.SHA256())
        self.file.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def sign(self, name: str, *, expired: bool = False) -> Path:
        """Return a file with the key and the certificate of somebody."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signed = self._certificate(subject, key.public_key(), expired=expired).sign(self._key, hashes.SHA256())
        path = self.folder / f"{name}.pem"
        encoding = serialization.Encoding.PEM
        private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.write_bytes(private + signed.public_bytes(encoding))
        return path

    def _certificate(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, expired: bool = False, is_authority: bool = False
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=9))
            .not_valid_after(now - timedelta(days=1) if expired else now + timedelta(days=9))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(addresses, critical=False)
        )


@dataclass(frozen=True)
class Secured:
    """The broker: its ports, who signed, and how to give somebody rights."""

    authority: Authority
    clear: str  # for whoever looks after it: may do everything
    sasl: str
    mtls: str
    stale: str  # shows a certificate that has expired

    def scram(self, user: str, mechanism: str = "SCRAM-SHA-256", password: str = PASSWORD) -> dict[str, str]:
        """Return the settings of somebody with a password; what he may is another matter."""
        secret = self.authority.folder / f"{user}.{len(password)}.password"
        secret.write_text(f"{password}\n", encoding="utf-8")
        return {
            "CONTINUO_BROKER": self.sasl,
            "CONTINUO_TLS": "true",
            "CONTINUO_TLS_CA_FILE": str(self.authority.file),
            "CONTINUO_SASL_MECHANISM": mechanism,
            "CONTINUO_SASL_USER": user,
            "CONTINUO_SASL_PASSWORD_FILE": str(secret),
        }

    def certified(self, user: str) -> dict[str, str]:
        """Return the settings of somebody with a certificate."""
        return {
            "CONTINUO_BROKER": self.mtls,
            "CONTINUO_TLS": "true",
            "CONTINUO_TLS_CA_FILE": str(self.authority.file),
            "CONTINUO_TLS_CERTIFICATE_FILE": str(self.authority.sign(user)),
        }

    def client(self, user: str) -> dict[str, str | int]:
        """Return the options of a client that is none of ours."""
        return {
            "bootstrap.servers": self.sasl, "security.protocol": "SASL_SSL", "log_level": 0,
            "ssl.ca.location": str(self.authority.file), "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user, "sasl.password": PASSWORD,
        }  # fmt: skip

    def enrol(self, user: str) -> None:
        """Have the broker know a user with a password."""
        for mechanism in _MECHANISMS:
            told = UserScramCredentialUpsertion(user, ScramCredentialInfo(mechanism, 4096), PASSWORD.encode())
            admin = self._admin()  # held: what it was asked ends with it
            for done in admin.alter_user_scram_credentials([told]).values():
                done.result(30)

    def grant(self, user: str, role: str, namespace: str, but: grants.Grant | None = None) -> None:
        """Give a user the documented rights of a role, all but one perhaps."""
        bindings = [
            AclBinding(
                _KINDS[one.kind], one.name.format(namespace),
                ResourcePatternType.PREFIXED if one.is_prefix else ResourcePatternType.LITERAL,
                f"User:{user}", "*", AclOperation[one.operation.upper()], AclPermissionType.ALLOW,
            )
            for one in grants.GRANTS[role]
            if one != but
        ]  # fmt: skip
        admin = self._admin()
        for done in admin.create_acls(bindings).values():
            done.result(30)

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.clear, "log_level": 0})


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Yield a running broker with TLS, mTLS, SASL and ACLs; it ends with the session."""
    home = tmp_path_factory.mktemp("secured")
    authority = Authority(home / "certificates")
    authority.sign("broker")
    authority.sign("stale", expired=True)
    clear, sasl, mtls, stale = (free_port() for _ in range(4))
    more = _MORE.format(
        clear=clear, controller=ports.controller_port(clear), sasl=sasl, mtls=mtls, stale=stale,
        folder=authority.folder, password=PASSWORD,
    )  # fmt: skip
    embedded.start(home, clear, more=more)
    yield Secured(authority, *(f"127.0.0.1:{port}" for port in (clear, sasl, mtls, stale)))
    embedded.stop(home)
