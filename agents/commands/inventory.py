"""List what a deployment decides with: models, inputs, owners, flows, cost."""

import click

from agents.commands.explain import MomentType, Patience
from agents.moment import Moment


@click.command("inventory")
@click.option(
    "--usage-since", type=MomentType(), help="Also count what models were asked and what they cost, from then."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(usage_since: Moment | None, *, as_json: bool) -> None:
    """List what the current policy decides with, who answers for each part, what reads what, and who writes where.

    Models with their newest version and what they read; features and who reads them; decision points, actions and
    delivery channels with their owners (`owner:` in the policy); event types and what they feed; topics, by who writes
    and who reads them. With --usage-since, what each model was asked in the decisions since then, and what it cost.

    \b
    Examples:
      continuo inventory
      continuo inventory --usage-since 2017-08-01 --json | jq '.models[] | {name, owner, cost_micro}'

    \b
    Environment:
      CONTINUO_NAMESPACE   first word of the deployment's topics (continuo; the demo's is grocery)
      CONTINUO_BROKER      another Kafka instead of the embedded one
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    import asyncio
    import json

    from agents import log, settings
    from agents.decisions import Archive
    from agents.errors import UserError
    from agents.lineage.inventory import take, told
    from agents.lineage.usage import read_usage
    from agents.lineage.versions import read_versions
    from agents.policy_topic import read_bundles
    from streams.policy import compile_policy

    chosen = settings.load()
    log.configure("warning", chosen.log_format)

    async def run() -> str:
        bundles, current = await read_bundles(chosen.bootstrap, chosen.namespace)
        if not current:
            raise UserError("no policy is published here yet; `continuo run --policy FOLDER` publishes one")
        policy = compile_policy(bundles[current])
        archive = Archive(chosen.bootstrap, chosen.namespace, Patience())
        usage = await read_usage(archive, usage_since.first_ms(policy.zone)) if usage_since else None
        found = take(policy, bundles[current], await read_versions(chosen), usage)
        return json.dumps(found) if as_json else told(found, policy)

    click.echo(asyncio.run(run()))
