"""Let nothing of an action go out any more, from the next step on."""

import click


@click.group("kill")
def command() -> None:
    """Let nothing of an action go out any more, from the next step on; every order is kept.

    A shard that has taken the order decides without the action. A delivery channel looks for orders before each slice
    that it sends, so what was decided earlier is rejected with the reason `killed`. Whoever ordered what, when and why
    stands on `switches` for good.

    \b
    Examples:
      continuo kill action soup_off --because "wrong price in the mail"
      continuo kill action soup_off --lift --because "the price is right now"
      continuo kill list

    \b
    Environment:
      CONTINUO_BROKER      another Kafka instead of the embedded one
      CONTINUO_NAMESPACE   first word of the topics (continuo)
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"


@command.command("action")
@click.argument("action")
@click.option("--because", required=True, help="Why, in a sentence; it is kept.")
@click.option("--lift", is_flag=True, help="Let it go out again.")
def action(action: str, because: str, *, lift: bool) -> None:
    """Let nothing of ACTION go out, by any delivery channel."""
    import asyncio

    from agents import settings, switches

    chosen = settings.load()
    order = switches.turn(chosen.bootstrap, chosen.namespace, "action", action, because, is_off=not lift)
    click.echo(switches.told(asyncio.run(order)))


@command.command("list")
def list_orders() -> None:
    """List every order there was, of actions and of delivery channels."""
    import asyncio

    from agents import settings, switches

    chosen = settings.load()
    for switch in asyncio.run(switches.read(chosen.bootstrap, chosen.namespace)):
        click.echo(switches.told(switch))
