"""Show everything that is held of one person, as one JSON object."""

import click


@click.command("show")
@click.argument("profile_id")
def command(profile_id: str) -> None:
    """Show everything that is held of PROFILE_ID, as one JSON object: the answer to a request for access.

    `state` is what their shard knows now: features, consents, contacts, offers, what is awaited or waits. `records` is
    what the topics still keep, each for as many days as `kept_for_days` says; a decision's `saw` is what it knew of the
    person, opened with their key. A name that is only an alias is followed to its person. Nothing is changed.

    \b
    Examples:
      continuo show h-1234
      continuo show h-1234 | jq .state.profiles
      continuo show h-1234 > h-1234.json

    \b
    Exit codes: 0 shown, 1 nothing is held under this name.

    \b
    Environment:
      CONTINUO_NAMESPACE   first word of the deployment's topics (continuo; the demo's is grocery)
      CONTINUO_BROKER      another Kafka instead of the embedded one
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    import asyncio
    import json

    from agents import log, settings
    from agents.commands.explain import Patience
    from agents.decisions import Archive
    from agents.errors import UserError
    from agents.people import held

    chosen = settings.load()
    log.configure("warning", chosen.log_format)
    holding = asyncio.run(held.hold(Archive(chosen.bootstrap, chosen.namespace, Patience()), profile_id))
    if not holding.is_known:
        raise UserError(
            f"nothing is held of {profile_id!r} in the namespace {chosen.namespace} at {chosen.bootstrap}; "
            "CONTINUO_NAMESPACE names another deployment's"
        )
    click.echo(json.dumps(held.to_json(holding), indent=2))
