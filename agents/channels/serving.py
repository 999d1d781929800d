"""Serves several delivery channels from one process, each by the kind of provider that the policy names."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack

from agents.channels.contract import DeliveryKind
from agents.channels.dispatching import dispatch
from agents.channels.file import FileKind
from agents.channels.smtp import SmtpKind
from agents.channels.webhook import WebhookKind
from agents.errors import UserError
from agents.policy_topic import read_current
from agents.settings import Settings
from streams.policy import compile_policy
from streams.policy.channels import DeliveryChannel


async def dispatch_all(settings: Settings, names: Sequence[str], stop: asyncio.Event) -> None:
    """Carry out the activations of these delivery channels until `stop`, or until one of them fails."""
    policy = compile_policy(await read_current(settings.bootstrap, settings.namespace))
    declared = policy.channels
    if unknown := [name for name in names if name not in declared]:
        raise UserError(
            f"the policy has no delivery channel {', '.join(unknown)}; it has {', '.join(sorted(declared))}"
        )
    secrets = read_secrets([declared[name] for name in names])
    async with AsyncExitStack() as stack:
        kinds = [await _open(stack, settings, declared[name], secrets) for name in names]
        tasks = [
            asyncio.create_task(dispatch(settings, name, kind, policy, stop))
            for name, kind in zip(names, kinds, strict=True)
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()


def read_secrets(channels: Sequence[DeliveryChannel]) -> dict[str, str]:
    """Return the environment variables that delivery channels name; raises UserError with all that are not set."""
    wanted = {channel.provider.secret: channel.id for channel in channels if channel.provider.secret}
    if missing := [f"{name} (of {channel})" for name, channel in sorted(wanted.items()) if not os.environ.get(name)]:
        raise UserError(
            f"expected the secrets of delivery channels in environment variables; not set: {', '.join(missing)}"
        )
    return {name: os.environ[name] for name in wanted}


async def _open(
    stack: AsyncExitStack, settings: Settings, channel: DeliveryChannel, secrets: dict[str, str]
) -> DeliveryKind:
    provider = channel.provider
    if provider.kind == "webhook":
        return await stack.enter_async_context(WebhookKind(provider, secrets.get(provider.secret, "")))
    if provider.kind == "smtp":
        return SmtpKind(provider, secrets.get(provider.secret, ""))
    return stack.enter_context(FileKind(settings.home / "channels" / f"{channel.id}.jsonl"))
