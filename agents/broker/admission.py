"""Whether a broker lets us in, and if not, why: its errors in words that name the setting."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError

from agents.access.servers import Security, connecting, security_of

ANSWER_S: Final = 5.0
_EXPIRED, _NOT_YET, _OTHER_HOST, _OTHER_ADDRESS = 10, 9, 62, 64  # OpenSSL's codes; the others: signed by a stranger
_BAD_MECHANISM, _BAD_PASSWORD = 33, 58  # Kafka's


def authenticate(address: str, servers: str) -> None:
    """Tell the broker at `address` who we are; raises KafkaError or OSError unless it believes that."""
    if security_of(servers).sasl_mechanism:
        asyncio.run(_authenticate(address, servers))


async def _authenticate(address: str, servers: str) -> None:
    host, _, port = address.rpartition(":")
    options = connecting(servers)
    del options["bootstrap_servers"]
    connection = await create_conn(host.strip("[]"), int(port), request_timeout_ms=int(ANSWER_S * 1000), **options)
    connection.close()


def told(error: Exception, security: Security) -> str:
    """Return what such an error means and what to do; "" where the broker has not refused us."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate(error)
    if isinstance(error, ssl.SSLError):
        return _alert(error, security)
    if isinstance(error, KafkaError):
        return _authentication(error, security)
    if isinstance(error, ValueError) and not security.tls:
        return f"{error}; if it talks over TLS only, set CONTINUO_TLS=true"
    if isinstance(error, ValueError | ConnectionResetError | ConnectionAbortedError) and security.tls:
        return f"it closed the connection behind the TLS handshake ({error}); {_own_certificate(security)}"
    return ""


def is_for_good(error: Exception) -> bool:
    """Tell whether it takes a person to change that; a broker that starts or ends cuts connections off too."""
    if isinstance(error, ssl.SSLError):
        return isinstance(error, ssl.SSLCertVerificationError) or "ALERT" in (error.reason or "")
    return getattr(error, "errno", None) in (_BAD_MECHANISM, _BAD_PASSWORD) and isinstance(error, KafkaError)


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    came = f"its certificate is not accepted ({error.verify_message})"
    if error.verify_code == _EXPIRED:
        return f"{came}: whoever runs the broker has to renew it; check this machine's clock too"
    if error.verify_code == _NOT_YET:
        return f"{came}: check this machine's clock"
    if error.verify_code in (_OTHER_HOST, _OTHER_ADDRESS):
        return f"{came}: CONTINUO_BROKER has to have the name that is in the certificate"
    return f"{came}: set CONTINUO_TLS_CA_FILE to the certificate of the authority that signed it"


def _alert(error: ssl.SSLError, security: Security) -> str:
    reason = error.reason or str(error)
    if "WRONG_VERSION_NUMBER" in reason or "RECORD_LAYER_FAILURE" in reason:
        return f"it does not talk TLS ({reason}); unset CONTINUO_TLS, or name its port for TLS in CONTINUO_BROKER"
    return f"TLS failed ({reason}); {_own_certificate(security)}"


def _own_certificate(security: Security) -> str:
    if security.tls_certificate_file is None:
        return "if it wants a certificate of ours (mTLS), set CONTINUO_TLS_CERTIFICATE_FILE and CONTINUO_TLS_KEY_FILE"
    return (
        "it may refuse the certificate in CONTINUO_TLS_CERTIFICATE_FILE: that has to be signed by an authority that "
        "the broker trusts, and not to be expired"
    )


def _authentication(error: KafkaError, security: Security) -> str:
    code = getattr(error, "errno", None)
    if code == _BAD_PASSWORD:
        return (
            f"it does not know the user {security.sasl_user} with this password ({security.sasl_mechanism}): "
            "check CONTINUO_SASL_USER, CONTINUO_SASL_PASSWORD_FILE and CONTINUO_SASL_MECHANISM"
        )
    if code == _BAD_MECHANISM:
        return f"it does not take {security.sasl_mechanism}: set CONTINUO_SASL_MECHANISM to one that it has enabled"
    return f"it did not let us in ({type(error).__name__}: {error}); check CONTINUO_SASL_… and that the port takes SASL"
