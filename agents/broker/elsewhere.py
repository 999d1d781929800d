"""Another Kafka in place of the embedded one: whether it answers, and whether it is one that we can work with."""

from dataclasses import dataclass

from aiokafka.errors import KafkaError

from agents.access.servers import Security, security_of, tls_context
from agents.broker import handshake
from agents.broker.admission import authenticate, is_for_good, told
from agents.broker.errors import BrokerError

ANSWER_S = 5.0
SUPPORTED = "Kafka 3.8 to 4.x"

_PRODUCE, _FETCH, _ADD_PARTITIONS, _END_TXN = 0, 1, 24, 26
# What tells one release from the one before it, as each of them answered: (api, highest version at least, release).
_SIGNS = (
    (_PRODUCE, 13, "4.1 or later"),
    (_PRODUCE, 12, "4.0"),
    (handshake.API_VERSIONS, 4, "3.9"),
    (_PRODUCE, 11, "3.8"),
)
# The highest that our client (aiokafka 0.14) speaks of what a transaction needs: a broker that starts above is too new.
_OURS = {_PRODUCE: 8, _FETCH: 11, _ADD_PARTITIONS: 0, _END_TXN: 0}


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Describe another Kafka that was found fit."""

    address: str  # the first of its addresses that answered
    version: str  # as far as its answers tell: "3.8", "3.9", "4.0", "4.1 or later"


def look(servers: str) -> Elsewhere:
    """Ask the Kafka at `servers` ("host:port[,host:port]", and how to talk there) who it is, and whether it lets us in.

    Raises BrokerError if none of its addresses answers so, if it refuses us, or if it is too old or too new.
    """
    silent = []
    for address in servers.split(","):
        try:
            versions = _ask(address, security_of(servers))
            authenticate(address, servers)
        except (OSError, ValueError, KafkaError) as error:
            silent.append(f"{address}: {told(error, security_of(servers)) or error}")
        else:
            return Elsewhere(address, _release(versions, address))
    how = "over TLS" if security_of(servers).tls else "in the clear"
    raise BrokerError(
        f"CONTINUO_BROKER names a Kafka that does not answer {how}:\n  "
        + "\n  ".join(silent)
        + "\nCorrect it, or unset it to use the embedded broker."
    )


def refusal(servers: str) -> tuple[str, bool]:
    """Return why a broker does not take us, "" if nothing is known, and whether that will be so the next time too."""
    security = security_of(servers)
    for address in servers.split(","):
        try:
            _ask(address, security)
            authenticate(address, servers)
        except (OSError, ValueError, KafkaError) as error:
            if reason := told(error, security):
                return f"the Kafka at {address} cannot be used: {reason}", is_for_good(error)
    return "", False


def _ask(address: str, security: Security) -> handshake.Versions:
    host, _, port = address.rpartition(":")
    tls = tls_context(security) if security.tls else None
    return handshake.ask_versions((host.strip("[]"), int(port)), ANSWER_S, tls)


def _release(versions: handshake.Versions, address: str) -> str:
    for key, highest in _OURS.items():
        if key not in versions:
            raise BrokerError(
                f"{address} offers no transactions (api {key} is missing). Continuo needs {SUPPORTED}; "
                "set CONTINUO_BROKER to one, or unset it to use the embedded broker."
            )
        if versions[key][0] > highest:
            raise BrokerError(
                f"{address} is too new: of api {key} it speaks version {versions[key][0]} and up, we up to {highest}. "
                f"Continuo needs {SUPPORTED}."
            )
    for key, highest, release in _SIGNS:
        if versions.get(key, (0, -1))[1] >= highest:
            return release
    raise BrokerError(
        f"{address} is older than Kafka 3.8. Continuo needs {SUPPORTED}: upgrade it, "
        "or unset CONTINUO_BROKER to use the embedded broker."
    )
