"""The order of a demo: a broker, a clean estate, a policy, processes, models, the history, the report."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, Final, NoReturn

import aiohttp
import click

from agents import broker
from agents.broker import jvm, ports
from agents.broker.status import answers
from agents.demo.estate import Estate
from agents.demo.screen import Screen
from agents.demo.scripts import run_script, said_by
from agents.deployment import Cost, Deployment, plan, told_ports
from agents.errors import UserError
from agents.policy_files import load_policy
from agents.policy_topic import publish
from agents.settings import Settings
from agents.transport.topics import create_topics, wanted_topics

SAMPLE_S: Final = 1.0
SILENT_MAX: Final = 5  # samples in a row without an answer, each waited for; a broker that is only busy answers one
EARLY: Final = 0.4  # of the events: what a worker's memory is then, it should nearly be at the end
_DECISIONS: Final = "continuo_arbitrate_decisions_total{"


class Demo:
    """One run of an example."""

    def __init__(self, settings: Settings, example: str, part: Sequence[str], workers: int) -> None:
        """Prepare to play `example`, or the `part` of it that the feeder's options name; raises UserError."""
        folder = Path("examples") / example
        if not folder.is_dir():
            raise UserError(f"there is no {folder} here: run the demo from a checkout of Continuo")
        self._settings: Final = settings
        self._example: Final = example
        self._part: Final = part
        self._bundle, self._policy = load_policy(folder / "policy")
        self._ports: Final = ports.free_from(settings.web_port)
        self._web_ports: Final = list(islice(self._ports, workers))
        self._screen: Final = Screen(self._policy.zone)
        self._costs: Final[dict[str, Cost]] = {}  # as last seen, by process
        self._early_rss_mb = 0.0
        self._decided = 0

    async def run(self) -> None:
        """Play the history and print the report; the broker, the topics and the estate's folder stay.

        SIGTERM and ctrl-C cancel it; its processes drain first.
        """
        playing = asyncio.current_task()
        if playing is not None:
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, playing.cancel)
        screen, namespace = self._screen, self._example
        servers = await asyncio.to_thread(_servers, self._settings, screen)
        estate = Estate.of(self._settings, servers, namespace)
        with estate.held():
            gone = await estate.clear()
            await create_topics(servers, wanted_topics(namespace, estate.settings.partitions, self._policy.models))
            digest = await publish(servers, namespace, dict(self._bundle))
            left = f"{gone} topics of an earlier run deleted; " if gone else ""
            screen.say(f"{left}topics {namespace}.* created, policy {digest[:12]} published")
            roles = plan(self._policy, namespace, self._web_ports, self._ports)
            screen.say(told_ports(roles))
            crew = Deployment(estate.settings, roles, screen.say)
            crew.start()
            watching = asyncio.create_task(self._watch(crew))
            try:
                screen.say("training two models on the first quarter")
                await self._while_running(crew, run_script(estate, f"{self._example}.training"))
                screen.say("models published; feeding the year")
                await self._while_running(crew, self._feed(estate))
                screen.say("the history has ended and the stream is at rest; reading what it left")
            finally:
                watching.cancel()
                await crew.stop()
            self._note_costs(estate)
            await run_script(estate, f"{self._example}.report", shown=True)
            click.echo(farewell(self._settings, estate))

    async def _feed(self, estate: Estate) -> None:
        async for told in said_by(estate, f"{self._example}.feeder", self._part):
            if not self._early_rss_mb and told["fed"] >= EARLY * told["of"]:
                self._early_rss_mb = self._worker_rss_mb()
            self._screen.progress(told, self._decided)

    async def _while_running(self, crew: Deployment, work: Coroutine[Any, Any, None]) -> None:
        """Do some work while crew and broker run; raise UserError if one of them will not."""
        tasks = [asyncio.create_task(one) for one in (work, crew.wait_failure(), self._wait_broker_gone())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    async def _wait_broker_gone(self) -> NoReturn:
        """Wait until the embedded broker does not answer any more, and raise UserError with its last words."""
        silent = 0
        while silent < SILENT_MAX:
            await asyncio.sleep(SAMPLE_S)
            gone = not self._settings.broker and not await asyncio.to_thread(answers, self._settings.broker_port)
            silent = silent + 1 if gone else 0
        raise UserError(f"the broker is gone. Its last words:\n{jvm.last_words(self._settings.home / 'broker')}")

    async def _watch(self, crew: Deployment) -> None:
        """Note every second what the processes cost and how much was decided."""
        timeout = aiohttp.ClientTimeout(total=SAMPLE_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                self._costs.update(crew.costs())
                pages = await asyncio.gather(*(_page(session, port) for port in self._web_ports))
                self._decided = max(self._decided, sum(map(decisions, pages)))
                await asyncio.sleep(SAMPLE_S)

    def _worker_rss_mb(self) -> float:
        return max((cost.rss_mb for name, cost in self._costs.items() if name.startswith("worker")), default=0.0)

    def _note_costs(self, estate: Estate) -> None:
        told = {
            "worker_rss_mb": self._worker_rss_mb(),
            "worker_rss_mb_early": self._early_rss_mb,
            "processes": {name: asdict(cost) for name, cost in self._costs.items()},
        }
        (estate.home / "processes.json").write_text(json.dumps(told, indent=2), encoding="utf-8")


def farewell(settings: Settings, estate: Estate) -> str:
    """Say how to look around and how to stop."""
    stop = "the broker is yours: nothing of it was started here" if settings.broker else "continuo down"
    return f"""
Look around   CONTINUO_NAMESPACE={estate.namespace} continuo topics      what is on the topics
              {estate.home}/summary.json      the figures above
              {estate.home}/channels/         what was delivered, and to whom
              {estate.home}/logs/             what the processes said
Stop          {stop}
Again         continuo demo      it begins by deleting what this run left"""


def _servers(settings: Settings, screen: Screen) -> str:
    if settings.broker:
        screen.say(f"using Kafka {broker.look(settings.bootstrap).version} at {settings.broker}")
        return settings.broker
    address = broker.start(settings.home, settings.broker_port, progress=screen.say)
    screen.say(f"Kafka is up at {address}")
    return address


async def _page(session: aiohttp.ClientSession, port: int) -> str:
    with suppress(aiohttp.ClientError, TimeoutError):
        async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
            return await answer.text()
    return ""  # it starts, or is being restarted


def decisions(page: str) -> int:
    """Return how many decisions a worker's metrics tell of."""
    return sum(int(float(line.rpartition(" ")[2])) for line in page.splitlines() if line.startswith(_DECISIONS))
