"""Stop the Kafka that `continuo up` started."""

import json

import click


@click.command("down")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: stopped (false if none was running).")
def command(*, as_json: bool) -> None:
    """Stop the Kafka that `continuo up` started, or say that none is running.

    Its topics stay and are there again after the next `continuo up`; remove the folder to start empty.
    The process is asked to end, killed if it does not within 20 seconds, and verified gone.
    Another Kafka, named by CONTINUO_BROKER, is never touched.

    \b
    Examples:
      continuo down
      continuo down && rm -r .continuo/broker    the next start is an empty one

    \b
    Environment:
      CONTINUO_HOME     where the embedded Kafka keeps its topics and log (.continuo)
      CONTINUO_BROKER   if set, there is nothing of ours to stop
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    from agents import broker, settings

    chosen = settings.load()
    if chosen.broker:
        raise broker.BrokerError(
            f"CONTINUO_BROKER is set: the Kafka at {chosen.broker} is not ours to stop. "
            "Unset it to stop the embedded one."
        )
    stopped = broker.stop(chosen.home)
    if as_json:
        click.echo(json.dumps({"stopped": stopped}))
    else:
        click.echo(f"Stopped. Its topics stay in {chosen.home / 'broker'}." if stopped else "No broker is running.")
