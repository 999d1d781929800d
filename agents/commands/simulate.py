"""Try a policy on the past: decide a window of events again, and compare."""

from pathlib import Path

import click

from agents.ranges import ALL, Range, RangeType


@click.command("simulate")
@click.argument("wanted", metavar="[RANGE]", type=RangeType(), default=ALL)
@click.option(
    "--policy", type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of the policy to try; without it the window is lived through under the policies of then.",
)
@click.option("--jobs", type=click.IntRange(1), help="Partitions at once, each in a process (one for each core).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: both runs in numbers, the first changes.")
def command(wanted: Range, policy: Path | None, jobs: int | None, *, as_json: bool) -> None:
    """Try a policy on the past: decide a window of events again, and compare.

    The deployment's accepted events are lived through once more in this process, by the code that decides in
    production, with the models that were the newest at each moment. Before the window the policies of then apply, in
    it the one that is tried. What comes out stands beside what was recorded: actions, contacts, expected value, cost,
    reasons, and the decisions that changed. It reads committed topics only and writes nothing; the deployment may run
    meanwhile.

    Without --policy both runs are under the same rules: what differs then is what a simulation cannot know, above all
    models that answered late.

    \b
    RANGE is
      all                        all events that are kept (the default)
      2017-06-01..2017-07-01     those of June; either side may be left out
      2017-06-01                 those of a day

    Times are the deployment's, in the policy's zone unless they name an offset: to the day, the minute or the second,
    or epoch milliseconds.

    \b
    Examples:
      continuo simulate --policy examples/grocery/policy 2017-06-01..2017-07-01
      continuo simulate 2017-06-01.. --policy new --json | jq .fates

    \b
    Environment:
      CONTINUO_NAMESPACE   first word of the deployment's topics (continuo; the demo's is grocery)
      CONTINUO_BROKER      another Kafka instead of the embedded one
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    import json
    import os

    from agents import log, settings
    from agents.errors import UserError
    from agents.policy_files import load_policy
    from agents.simulate.report import to_json, to_text
    from agents.simulate.simulating import simulate_all

    chosen = settings.load()
    log.configure("warning", chosen.log_format)
    candidate = load_policy(policy)[0] if policy else None
    report = simulate_all(chosen, wanted, candidate, jobs or os.cpu_count() or 1)
    if not report.events:
        raise UserError(
            f"there is no event in {wanted.said} in the namespace {chosen.namespace} at {chosen.bootstrap}; "
            "CONTINUO_NAMESPACE names another deployment's"
        )
    click.echo(json.dumps(to_json(report)) if as_json else to_text(report), nl=as_json)
