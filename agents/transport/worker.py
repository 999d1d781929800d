"""Run one worker to its end."""

from __future__ import annotations

import asyncio
import sys
from typing import NoReturn

from faust import Worker

from agents.transport.app import StreamApp
from agents.transport.errors import Refused
from agents.transport.topics import check_partitions, list_topics, wanted_topics


def run_worker(app: StreamApp) -> NoReturn:
    """Check broker and topics, then run until a signal, an error or the applier's own stop; exits the process.

    Raises Unreachable or Refused before any work is done. Exit codes: 0 drained, 70 restart me, 78 do not.
    """
    asyncio.run(preflight(app))
    app.conf.datadir.mkdir(parents=True, exist_ok=True)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = Worker(app, quiet=True, override_logging=False, redirect_stdouts=False, loop=loop)
    worker.spinner = None
    worker.execute_from_commandline()
    sys.exit(0)


async def preflight(app: StreamApp) -> None:
    """Raise Unreachable or Refused, naming everything that is wrong, when the worker could not run."""
    settings = app.settings
    found = await list_topics(settings.bootstrap, wanted_topics(settings.namespace, settings.partitions))
    check_partitions(found)
    missing = [topic.wanted.name for topic in found if topic.partitions is None]
    if missing:
        raise Refused(
            "\n".join(
                ["topics are missing; `continuo topics --create` makes them:", *(f"  {name}" for name in missing)]
            )
        )
