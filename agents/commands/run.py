"""Run a whole deployment: workers, models, trainers, delivery channels, an API."""

from pathlib import Path

import click

KINDS = ("api", "worker", "model", "trainer", "channel")


POLICY = click.option(
    "--policy",
    "folder",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with the policy's *.yaml files.",
)


@click.command("run")
@POLICY
@click.option("--workers", default=1, show_default=True, type=click.IntRange(min=1), help="How many workers to run.")
@click.option(
    "--only",
    "kinds",
    multiple=True,
    type=click.Choice(KINDS),
    help="Run processes of this kind only; may be given several times.",
)
@click.option(
    "--callers",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the keys that may call the HTTP API, see `continuo api-key`; without it there is none.",
)
@click.option(
    "--api-port", default=8080, show_default=True, type=click.IntRange(1, 65535), help="Port of the HTTP API."
)
@click.pass_context
def command(
    context: click.Context, folder: Path, workers: int, kinds: tuple[str, ...], callers: Path | None, api_port: int
) -> None:
    """Run everything that a policy needs, on this machine, until ctrl-C or SIGTERM.

    \b
    What happens, in this order:
      1. settings, policy, Kafka, topics and ports are checked; all that is wrong is told at once, files with lines
      2. the embedded Kafka is started, unless one is up or CONTINUO_BROKER names another; topics are created
      3. the policy is published on `policies`; a running deployment switches to it between two events
      4. processes start: workers, a model process for each model that is asked by topic, a trainer for each model
         that learns or is calibrated, one process for all delivery channels, with --callers the HTTP API

    A process that ends is started again, after 0.2 to 30 seconds; one that ends with code 78 is not, and that is told.
    Each prints to .continuo/logs/NAME.log. Ctrl-C lets workers drain, then ends the others, then the Kafka that was
    started here; a second ctrl-C kills. What was not committed then never happened: the next run goes on from there.

    \b
    Examples:
      continuo run --policy examples/grocery/policy
      continuo run --policy shop/ --workers 4
      continuo run --policy shop/ --only worker --only channel      models and trainers run elsewhere
      continuo run --policy shop/ --callers callers.toml            with POST /events and POST /decide on port 8080

    \b
    Environment:
      CONTINUO_BROKER      another Kafka instead of the embedded one
      CONTINUO_NAMESPACE   first word of the topics (continuo)
      CONTINUO_PARTITIONS  partitions of every topic, fixed at the first start: the most workers there can be (8)
      CONTINUO_MODE        live or history: the wall clock decides, or the time of the events (live)
      CONTINUO_LOCKSTEP    true: two runs of a history give the same bytes, what trainers publish included; slow (false)
      CONTINUO_WEB_PORT    the first worker's /metrics, /health and /ready; the next worker's is one more, then each
                           other process has the next one that is free (6066)
      CONTINUO_HOME        logs, and the embedded Kafka (.continuo)
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    import asyncio
    import signal

    from agents import groundwork, log
    from agents.broker import ports
    from agents.deployment import ApiPlan, plan, supervise, told_ports

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as ctrl-C: what was started is stopped
    if "api" in kinds and callers is None:
        raise click.UsageError("--only api: expected --callers FILE, who may call it")
    door = ApiPlan(callers, api_port) if callers else None
    settings, bundle, policy = groundwork.inspect(folder, workers, door)
    log.configure("error", settings.log_format)  # what happens is told line by line; each process logs for itself
    first = settings.web_port
    with groundwork.kafka(settings, click.echo):
        groundwork.lay(settings, bundle, policy, click.echo)
        spare = ports.free_from(first + workers)
        roles = plan(policy, settings.namespace, range(first, first + workers), spare, kinds or KINDS, door)
        click.echo(told_ports(roles))
        code = asyncio.run(supervise(settings, roles, click.echo))
    context.exit(code)
