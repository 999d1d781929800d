"""The broker: a real Apache Kafka on this machine, from its own jars on a Java that comes along, or another Kafka."""

from agents.broker.elsewhere import Elsewhere, look
from agents.broker.errors import BrokerError
from agents.broker.server import start, stop
from agents.broker.status import BrokerStatus, status

__all__ = ["BrokerError", "BrokerStatus", "Elsewhere", "look", "start", "status", "stop"]
