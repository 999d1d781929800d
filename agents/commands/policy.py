"""Check, test, show, publish and take back a policy."""

from pathlib import Path

import click

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.group("policy")
def command() -> None:
    """Check, test, show, publish and take back a policy.

    A policy is a folder of YAML files. What every shard decides under is the one that was published last; a switch
    happens between two steps, and each decision names the policy that it was made under.

    \b
    Examples:
      continuo policy lint my-policy
      continuo policy test my-policy
      continuo simulate --policy my-policy 2017-06-01..2017-07-01
      continuo policy publish my-policy
      continuo policy rollback

    \b
    Environment:
      CONTINUO_NAMESPACE   first word of the deployment's topics (continuo; the demo's is grocery)
      CONTINUO_BROKER      another Kafka instead of the embedded one
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"


@command.command("lint")
@click.argument("folder", type=FOLDER)
@click.option("--strict", is_flag=True, help="End with 1 for doubts too, not for mistakes alone.")
def lint_command(folder: Path, *, strict: bool) -> None:
    """Say what is wrong or doubtful in the policy of FOLDER, each with its file and line.

    A mistake keeps a policy from being published. A doubt does not: an action that nobody can get, one that another is
    always better than, a rule that a stricter one covers, what is computed or trained and read by nothing.
    """
    doubts = _checked(folder)
    if doubts:
        click.echo(doubts)
    raise click.exceptions.Exit(1 if doubts and strict else 0)


@command.command("test")
@click.argument("folder", type=FOLDER)
@click.argument("names", metavar="[SCENARIO]...", nargs=-1)
@click.option("--write", is_flag=True, help="Write what happens into the scenarios as what is expected; then read it.")
def test_command(folder: Path, names: tuple[str, ...], *, write: bool) -> None:
    """Play the scenarios beside the policy of FOLDER and say where something else happens than is expected.

    A scenario is a folder in FOLDER/scenarios with YAML files: `about` in a sentence, `models` and what they answer,
    `events` in order, and `expect`: one line for each decision, delivery and refusal. Time is the policy's zone.

    \b
    Examples:
      continuo policy test my-policy                     all of them
      continuo policy test my-policy night-flight        one of them
      continuo policy test my-policy new-one --write     have its `expect` written, to be read and kept
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    from agents.scenarios.comparing import play_all

    failed = 0
    for result in play_all(folder, names, write=write):
        failed += not result.is_as_expected
        click.echo(result.told())
    raise click.exceptions.Exit(1 if failed else 0)


@command.command("show")
@click.argument("name", metavar="[HASH]", default="")
@click.option("--json", "as_json", is_flag=True, help="Print the whole bundle.")
def show_command(name: str, *, as_json: bool) -> None:
    """Say which policies were published and which is current; of HASH, or the current one, what it holds."""
    import asyncio
    import json

    from agents import settings
    from agents.policy_topic import read_bundles
    from agents.policy_view import find, overview, summary

    chosen = settings.load()
    bundles, current = asyncio.run(read_bundles(chosen.bootstrap, chosen.namespace))
    shown = find(bundles, name or current)
    if as_json:
        click.echo(json.dumps(bundles[shown], indent=1))
    else:
        click.echo(overview(bundles, current) + summary(bundles[shown]))


@command.command("publish")
@click.argument("folder", type=FOLDER)
@click.option("--wait", "patience_s", type=click.FloatRange(0.1), default=60.0, show_default=True,
              help="Seconds until every shard has to have switched.")
def publish_command(folder: Path, patience_s: float) -> None:
    """Make the policy of FOLDER current, and wait until every shard decides under it."""
    from agents.policy_files import load_bundle

    doubts = _checked(folder)
    if doubts:
        click.echo(doubts, err=True)
    _switch(dict(load_bundle(folder)), patience_s)


@command.command("rollback")
@click.argument("name", metavar="[HASH]", default="")
@click.option("--wait", "patience_s", type=click.FloatRange(0.1), default=60.0, show_default=True,
              help="Seconds until every shard has to have switched.")
def rollback_command(name: str, patience_s: float) -> None:
    """Make an earlier policy current again: the one of HASH, or the last one that is not current."""
    import asyncio

    from agents import settings
    from agents.errors import UserError
    from agents.policy_topic import read_bundles
    from agents.policy_view import find

    chosen = settings.load()
    bundles, current = asyncio.run(read_bundles(chosen.bootstrap, chosen.namespace))
    earlier = [one for one in bundles if one != current]
    if not name and not earlier:
        raise UserError("there is no earlier policy: one at most was ever published here")
    _switch(bundles[find(bundles, name or earlier[-1])], patience_s)


def _checked(folder: Path) -> str:
    """Return the doubts about a folder's policy, one a line; raises UserError with its mistakes."""
    import time

    from agents.policy_files import load_policy
    from streams.policy.lint import lint

    bundle, policy = load_policy(folder)
    return bundle.tell(lint(policy, bundle, int(time.time() * 1000)))


def _switch(bundle: dict[str, object], patience_s: float) -> None:
    import asyncio

    from agents import log, settings
    from agents.policy_switch import switch

    chosen = settings.load()
    log.configure("warning", chosen.log_format)

    def tell(switched: int, of: int) -> None:
        click.echo(f"{switched} of {of} shards have switched", err=True)

    name = asyncio.run(switch(chosen.bootstrap, chosen.namespace, bundle, patience_s, tell))
    click.echo(f"policy {bundle['name']} {name[:12]} is current now, in every shard")
