"""Tell one decision in words: why this, and why not the others."""

import time

import click

from agents import moment
from agents.errors import UserError

PATIENCE_S = 2.0  # without a word, and between two


class MomentType(click.ParamType):
    """A time as a person says it."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> moment.Moment:
        """Return the moment that is meant."""
        try:
            return moment.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Patience:
    """Says on stderr how far reading is, once it takes long."""

    def __init__(self) -> None:
        self._told_at = time.monotonic()

    def __call__(self, topic: str, share: float) -> None:
        """Take note that so much of a topic is read."""
        if time.monotonic() - self._told_at >= PATIENCE_S:
            self._told_at = time.monotonic()
            click.echo(f"reading {topic}: {share:.0%}", err=True)


@click.command("explain")
@click.argument("decision_id", required=False)
@click.option("--profile", "profile_id", help="Find the last decision about this person instead of naming one.")
@click.option("--at", type=MomentType(), help="With --profile: the last one until this time of the deployment.")
@click.option(
    "--reader",
    type=click.Choice(["agent", "auditor", "person"]),
    default="agent",
    show_default=True,
    help="Whom it is told to: who serves the person, who checks us, or the person.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: head, candidates, snapshot, notes, text.")
def command(
    decision_id: str | None, profile_id: str | None, at: moment.Moment | None, reader: str, *, as_json: bool
) -> None:
    """Tell one decision in words: why this, why not each of the others, and what came of it.

    It reads committed topics only and changes nothing. What the decision saw of the person is opened with that
    person's key; once the key is erased, what is left is told. The record's hash is computed again, and a record that
    was changed is told as such.

    Times are told in the person's zone. --at takes a date or a time, to the minute or the second and to its end, in
    the policy's zone unless it names an offset; or epoch milliseconds.

    \b
    Examples:
      continuo explain 3f0c9e5a7d1b42f8a6e4c2d09b8f7165
      continuo explain --profile h-1234 --at 2017-07-31        what was decided last until the end of July
      continuo explain --profile h-1234 --reader person        in the words that h-1234 may read
      CONTINUO_NAMESPACE=grocery continuo explain --profile h-1234 --json | jq .candidates

    \b
    Exit codes: 0 told, 1 there is no such decision, 2 asked for in a wrong way.

    \b
    Environment:
      CONTINUO_NAMESPACE   first word of the deployment's topics (continuo; the demo's is grocery)
      CONTINUO_BROKER      another Kafka instead of the embedded one
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    import asyncio
    import json

    from agents import explaining, log, settings

    if (decision_id is None) == (profile_id is None):
        raise click.UsageError("expected either a DECISION_ID or --profile P, to find the last decision about P")
    if at is not None and profile_id is None:
        raise click.UsageError("--at goes with --profile P")
    chosen = settings.load()
    log.configure("warning", chosen.log_format)
    explanation = asyncio.run(explaining.look_up(chosen, decision_id, profile_id, at, Patience()))
    if explanation is None:
        which = f"with the id {decision_id}" if decision_id else f"about {profile_id}" + (" until then" if at else "")
        raise UserError(
            f"there is no decision {which} in the namespace {chosen.namespace} at {chosen.bootstrap}; "
            "CONTINUO_NAMESPACE names another deployment's"
        )
    if as_json:
        click.echo(json.dumps(explaining.to_json(explanation, reader)))
    else:
        click.echo(explaining.to_text(explanation, reader), nl=False)
