"""Run one worker to its end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterable
from typing import NoReturn

from faust import Worker

from agents.settings import Settings
from agents.transport.allocator import keep_buffers
from agents.transport.app import StreamApp
from agents.transport.errors import Refused, die
from agents.transport.supervisor import watch_lifeline
from agents.transport.topics import check_partitions, list_topics, wanted_topics


def run_worker(app: StreamApp) -> NoReturn:
    """Check broker and topics, then run until a signal, an error or the applier's own stop; exits the process.

    Raises Unreachable or Refused before any work is done. Exit codes: 0 drained, 70 restart me, 78 do not.
    """
    asyncio.run(preflight(app.settings))
    keep_buffers()
    app.conf.datadir.mkdir(parents=True, exist_ok=True)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = StreamWorker(app, quiet=True, override_logging=False, redirect_stdouts=False, loop=loop)
    worker.spinner = None  # it would write to a terminal that is not its own
    worker.execute_from_commandline()


async def preflight(settings: Settings, models: Iterable[str] = ()) -> None:
    """Raise Unreachable or Refused, naming everything that is wrong, when no worker could run."""
    found = await list_topics(settings.bootstrap, wanted_topics(settings.namespace, settings.partitions, models))
    check_partitions(found)
    missing = [f"  {topic.wanted.name}" for topic in found if topic.partitions is None]
    if missing:
        raise Refused("\n".join(["topics are missing; `continuo topics --create` makes them:", *missing]))


class StreamWorker(Worker):
    """Faust's worker, which drains when its supervisor is gone."""

    async def on_first_start(self) -> None:
        """Watch the supervisor from the beginning."""
        await super().on_first_start()
        watch_lifeline(lambda: os.kill(os.getpid(), signal.SIGTERM))

    async def start(self) -> None:
        """Start everything; where that fails, end with a code that says so: Faust's way out ends in `stop`."""
        try:
            await super().start()
        except OSError as error:  # the web port is taken, above all
            die(f"the worker did not start (web port {self.app.conf.web_port})", error)
        except Exception as error:  # noqa: BLE001 — whatever it is, nothing was done yet
            die("the worker did not start", error, bug=True)

    async def stop(self) -> None:
        """Stop everything and exit: all is committed and released; Faust would take two seconds more."""
        await super().stop()
        sys.stdout.flush()
        os._exit(0)
