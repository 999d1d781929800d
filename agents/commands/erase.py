"""Erase a person: their key, all that is known of them, and what was to go out."""

import click


@click.command("erase")
@click.argument("profile_id")
@click.option("--because", default="", help="Why, in a sentence; it stands in the event that asks for it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(profile_id: str, because: str, *, yes: bool) -> None:
    """Erase PROFILE_ID: their key, everything that is known of them, and whatever was to go out.

    The shard deletes the profile, the contacts, open decisions and what waits; delivery channels send nothing more.
    The records of decisions stay, and their chain with them, but what is personal in them was sealed with the key that
    is gone. What topics hold in plain goes when its time is over: see `continuo show PROFILE_ID` before and after.
    Who is heard of again is a stranger, with a key of their own.

    It is asked for with an event of type `erasure_requested`, which any producer may send.

    \b
    Examples:
      continuo erase h-1234 --because "asked by letter, 12 May"
      continuo erase h-1234 --yes

    \b
    Exit codes: 0 erased, 1 nobody is known by this name, or no worker has done it within a minute.

    \b
    Environment:
      CONTINUO_NAMESPACE   first word of the deployment's topics (continuo; the demo's is grocery)
      CONTINUO_BROKER      another Kafka instead of the embedded one
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    import asyncio

    from agents import log, settings
    from agents.commands.explain import Patience
    from agents.decisions import Archive
    from agents.people import erasing

    chosen = settings.load()
    log.configure("warning", chosen.log_format)
    if not yes:
        click.confirm(f"Erase {profile_id} for good?", abort=True)
    archive = Archive(chosen.bootstrap, chosen.namespace, Patience())
    name = asyncio.run(erasing.erase(archive, chosen.bootstrap, chosen.namespace, profile_id, because))
    click.echo(f"{name} is erased: the key is gone, and with it what was sealed in the decisions about {name}.")
    click.echo(erasing.remaining())
