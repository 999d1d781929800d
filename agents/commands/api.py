"""Take events and decide about them over HTTP: POST /events, POST /decide."""

from pathlib import Path

import click


@click.command("api")
@click.option(
    "--callers",
    "path",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the keys that may call, see `continuo api-key`.",
)
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535), help="Port to serve on.")
def command(path: Path, port: int) -> None:
    """Serve the HTTP API until SIGTERM; start as many as there are machines to take requests.

    `POST /events` answers 202 when every event of the request is in Kafka; `POST /decide` answers with the committed
    decision, or with the declared default when there is none in time. `GET /openapi.json` is the document of both,
    with the event types of the current policy. The file of keys is read anew when it changes. TLS is the business of
    whatever stands before it. Exit code 70: the transport failed, start it again.

    \b
    Examples:
      continuo api-key website --role events --role decide >> callers.toml
      continuo api --callers callers.toml --port 8080

    \b
    Environment:
      CONTINUO_BROKER      another Kafka instead of the embedded one
      CONTINUO_NAMESPACE   first word of the topics (continuo)
      CONTINUO_MODE        live or history: whether events may not be of the future (live)
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    from agents import log, service, settings, telemetry
    from agents.api.callers import Callers
    from agents.api.serving import PARTS, Door
    from agents.pages import pages

    chosen = settings.load()
    log.configure(chosen.log_level, chosen.log_format)
    door = Door(chosen, Callers(path), telemetry.current("api"))
    service.run("api", door.run, pages("api", PARTS, port, door.application()))
