"""What has to stand before any process of a deployment starts: settings, policy, Kafka, topics, the published bundle.

Everything that is wrong is told in one message, before anything is started.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from agents import broker
from agents import settings as deployment_settings
from agents.api.callers import Callers
from agents.broker import ports
from agents.deployment import ApiPlan
from agents.errors import UserError
from agents.policy_files import Bundle, load_policy
from agents.policy_topic import publish, read_bundles
from agents.settings import Settings
from agents.transport.topics import check_partitions, create_topics, list_topics, wanted_topics
from streams.policy import Policy

T = TypeVar("T")
Tell = Callable[[str], None]

SHORT: Final = 12  # digits of a hash that a person is shown


class Several(UserError):
    """Refuse for more than one reason; each one's own message stands in this one."""


def inspect(folder: Path, workers: int = 0, door: ApiPlan | None = None) -> tuple[Settings, Bundle, Policy]:
    """Return the settings in force and the policy of a folder, when a deployment of so many workers could start.

    Raises UserError with everything that is wrong: settings, policy, callers, Kafka, topics, ports.
    """
    wrong: list[UserError] = []
    settings = _attempt(deployment_settings.load, wrong)
    found = _attempt(lambda: load_policy(folder), wrong)
    if door is not None:
        _attempt(lambda: _check_door(door), wrong)
    if settings is not None:
        _attempt(lambda: _check_workers(settings, workers), wrong)
        if _attempt(lambda: _is_up(settings), wrong):
            policy = found[1] if found else None
            _attempt(lambda: asyncio.run(_check_topics(settings, policy)), wrong)
    if len(wrong) == 1:
        raise wrong[0]
    if settings is None or found is None or wrong:
        raise Several("\n".join([f"{len(wrong)} things are in the way:", *(str(error) for error in wrong)]))
    return settings, *found


@contextmanager
def kafka(settings: Settings, tell: Tell) -> Iterator[None]:
    """Have a Kafka within the block: the one of CONTINUO_BROKER, the embedded one that is up, or one of our own.

    Ours is stopped at the end of the block, which is meant to be the end of the process: signals are ignored then.
    """
    if settings.broker:
        tell(f"using Kafka {broker.look(settings.bootstrap).version} at {settings.broker}")
        yield
        return
    was_up = broker.status(settings.home).running
    address = broker.start(settings.home, settings.broker_port, progress=tell)
    try:
        tell(f"Kafka is {'already ' if was_up else ''}up at {address}")
        yield
    finally:
        if not was_up:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)  # it takes seconds, and half stopped it would be left behind
            broker.stop(settings.home)
            tell("Kafka is stopped; its topics stay")


def lay(settings: Settings, bundle: Bundle, policy: Policy, tell: Tell) -> None:
    """Create the topics that are missing and make this bundle the current policy; raises UserError."""
    asyncio.run(_lay(settings, bundle, policy, tell))


async def _lay(settings: Settings, bundle: Bundle, policy: Policy, tell: Tell) -> None:
    servers, namespace = settings.bootstrap, settings.namespace
    created = await create_topics(servers, wanted_topics(namespace, settings.partitions, policy.models))
    if created:
        tell(f"created {len(created)} topics of {namespace}, {settings.partitions} partitions each")
    _, current = await read_bundles(servers, namespace)
    if current == policy.hash:
        tell(f"policy {policy.name} {policy.hash[:SHORT]} is current already")
    else:
        await publish(servers, namespace, bundle)
        tell(f"policy {policy.name} {policy.hash[:SHORT]} is current now")


def _attempt(check: Callable[[], T], wrong: list[UserError]) -> T | None:
    try:
        return check()
    except UserError as error:
        wrong.append(error)
        return None


def _check_workers(settings: Settings, workers: int) -> None:
    wrong = []
    if workers > settings.partitions:
        wrong.append(
            f"--workers {workers}: expected at most {settings.partitions}, one for each partition "
            "(CONTINUO_PARTITIONS): more have no work"
        )
    for number, port in enumerate(range(settings.web_port, settings.web_port + workers)):
        if not ports.is_free(port):
            wrong.append(
                f"port {port}, the web port of worker-{number}, is taken by {ports.holder(port)}: "
                "stop that, or set CONTINUO_WEB_PORT to the first of as many free ports as there are workers"
            )
    if wrong:
        raise UserError("\n".join(wrong))


def _check_door(door: ApiPlan) -> None:
    Callers(door.callers)
    if not ports.is_free(door.port):
        raise UserError(
            f"port {door.port}, the HTTP API's, is taken by {ports.holder(door.port)}: "
            "stop that, or give another --api-port"
        )


def _is_up(settings: Settings) -> bool:
    """Tell whether a Kafka answers now; raises BrokerError where none could."""
    if settings.broker:
        broker.look(settings.bootstrap)
        return True
    status = broker.status(settings.home)
    if not status.running and not ports.is_free(settings.broker_port):
        raise UserError(
            f"port {settings.broker_port}, the embedded Kafka's, is taken by {ports.holder(settings.broker_port)}: "
            "stop that, set CONTINUO_BROKER_PORT to another one, or CONTINUO_BROKER to a Kafka of yours"
        )
    return status.answers


async def _check_topics(settings: Settings, policy: Policy | None) -> None:
    wanted = wanted_topics(settings.namespace, settings.partitions, policy.models if policy else ())
    check_partitions(await list_topics(settings.bootstrap, wanted))
