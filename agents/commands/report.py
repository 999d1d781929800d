"""Report what coordination changes: the same past with it and without."""

from pathlib import Path

import click

from agents.ranges import ALL, Range, RangeType


@click.command("report")
@click.argument("wanted", metavar="[RANGE]", type=RangeType(), default=ALL)
@click.option(
    "--baseline", type=click.Choice(["uncoordinated"]), required=True, help="What to hold the policy against."
)
@click.option(
    "--policy", type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of the policy; without it the current one.",
)
@click.option("--jobs", type=click.IntRange(1), help="Partitions at once, each in a process (one for each core).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: both arms in numbers.")
def command(wanted: Range, baseline: str, policy: Path | None, jobs: int | None, *, as_json: bool) -> None:
    """Report what coordination changes: the same past with it and without.

    The deployment's accepted events are lived through twice in this process: under the policy, and under what its teams
    would do alone, each sending its own best at every trigger, with no cap and no look at what else is on offer. Side
    by side stand contacts, conflicts, cost and what followed. It reads committed topics only and writes nothing.

    \b
    Examples:
      continuo report --baseline uncoordinated
      continuo report --baseline uncoordinated 2017-06-01..2017-07-01 --json | jq .uncoordinated.conflict_rate

    \b
    Environment:
      CONTINUO_NAMESPACE   first word of the deployment's topics (continuo; the demo's is grocery)
      CONTINUO_BROKER      another Kafka instead of the embedded one
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    import json
    import os

    from agents import log, settings
    from agents.baseline.report import to_json, to_text
    from agents.baseline.running import run_all
    from agents.errors import UserError
    from agents.policy_files import load_policy

    del baseline  # there is one
    chosen = settings.load()
    log.configure("warning", chosen.log_format)
    both = run_all(chosen, wanted, load_policy(policy)[0] if policy else None, jobs or os.cpu_count() or 1)
    if not both.events:
        raise UserError(
            f"there is no event in {wanted.said} in the namespace {chosen.namespace} at {chosen.bootstrap}; "
            "CONTINUO_NAMESPACE names another deployment's"
        )
    click.echo(json.dumps(to_json(both)) if as_json else to_text(both), nl=as_json)
