"""Create a deployment's topics and publish its policy, before processes start."""

from pathlib import Path

import click

from agents.commands.run import POLICY


@click.command("prepare")
@POLICY
def command(folder: Path) -> None:
    """Create the topics that a policy needs and make it the current one; what is there already is left as it is.

    For whoever starts processes by other means than `continuo run`, which does it itself: containers, systemd. It
    waits for no shard; `continuo policy publish` does.

    \b
    Examples:
      continuo prepare --policy shop/policy && continuo worker

    \b
    Environment:
      CONTINUO_BROKER      another Kafka instead of the embedded one
      CONTINUO_NAMESPACE   first word of the topics (continuo)
      CONTINUO_PARTITIONS  partitions of every keyed topic, fixed at the first start (8)
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    from agents import groundwork

    settings, bundle, policy = groundwork.inspect(folder)
    groundwork.lay(settings, bundle, policy, click.echo)
