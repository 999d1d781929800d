"""Serves several delivery channels of kind file from one process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack

from agents.channels.dispatching import dispatch
from agents.channels.file import FileKind
from agents.errors import UserError
from agents.policy_topic import read_current
from agents.settings import Settings


async def dispatch_all(settings: Settings, names: Sequence[str], stop: asyncio.Event) -> None:
    """Carry out the activations of these delivery channels until `stop`, or until one of them fails."""
    declared = (await read_current(settings.bootstrap, settings.namespace))["delivery_channels"]
    if unknown := [name for name in names if name not in declared]:
        raise UserError(
            f"the policy has no delivery channel {', '.join(unknown)}; it has {', '.join(sorted(declared))}"
        )
    with ExitStack() as stack:
        kinds = [stack.enter_context(FileKind(settings.home / "channels" / f"{name}.jsonl")) for name in names]
        tasks = [
            asyncio.create_task(dispatch(settings, name, kind, int(declared[name].get("delay_s", 0) * 1000), stop))
            for name, kind in zip(names, kinds, strict=True)
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
