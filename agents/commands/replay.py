"""Decide recorded decisions again, and tell whether they come out byte for byte."""

import click

from agents.ranges import ALL, Range, RangeType


@click.command("replay")
@click.argument("wanted", metavar="[RANGE]", type=RangeType(), default=ALL)
@click.option("--partition", type=int, help="Replay the decisions of this partition only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: counts, chains, the first findings.")
def command(wanted: Range, partition: int | None, *, as_json: bool) -> None:
    """Decide recorded decisions again, and tell whether they come out byte for byte.

    It proves that the record of a decision is the decision. Each one is opened with its person's key and decided
    again, with this version's rules, from what it recorded, under the policy that it names. The record is then
    written anew and compared with the bytes that stand in the topic: head, evidence and hash. Each must carry the
    hash of the one before it in its partition, from the shard's first to the one that the shard's state names last.
    It reads committed topics only and changes nothing; the deployment may run meanwhile.

    \b
    RANGE is
      all                        every decision that is kept (the default)
      3f0c9e5a7d1b42f8a6e4c2d0…  one decision, by its id
      2017-06-01..2017-07-01     those decided in June; either side may be left out
      2017-06-01                 those of a day

    Times are the deployment's, in the policy's zone unless they name an offset: to the day, the minute or the second,
    or epoch milliseconds.

    \b
    What is told
      equal         the bytes are the same
      different     they are not; the first fields that differ are shown, as recorded and as decided again
      chain breaks  a decision does not carry the hash of the one before it: one was changed, taken out or put in
      unreadable    it cannot be decided again, and why: the person's key is erased, the policy is not on the topic

    \b
    Examples:
      continuo replay
      continuo replay 2017-06-01..2017-07-01 --json | jq .findings
      CONTINUO_NAMESPACE=grocery continuo replay --partition 0

    \b
    Exit codes: 0 all are equal, 1 some differ or a chain is broken (or there is no such decision), 2 asked for in a
    wrong way, 3 nothing differs but some are unreadable.

    \b
    Environment:
      CONTINUO_NAMESPACE   first word of the deployment's topics (continuo; the demo's is grocery)
      CONTINUO_BROKER      another Kafka instead of the embedded one
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    import asyncio
    import json

    from agents import log, settings
    from agents.errors import UserError
    from agents.progress import Screen
    from agents.replay.reading import Topics
    from agents.replay.replaying import replay
    from agents.replay.report import to_json, to_text

    chosen = settings.load()
    log.configure("warning", chosen.log_format)
    screen = Screen()
    try:
        report = asyncio.run(replay(Topics(chosen.bootstrap, chosen.namespace, screen), wanted, partition))
    finally:
        screen.close()
    if not report.replayed and report.is_equal:
        raise UserError(
            f"there is no decision in {wanted.said} in the namespace {chosen.namespace} at {chosen.bootstrap}; "
            "CONTINUO_NAMESPACE names another deployment's"
        )
    click.echo(json.dumps(to_json(report)) if as_json else to_text(report), nl=as_json)
    raise click.exceptions.Exit(report.exit_code)
