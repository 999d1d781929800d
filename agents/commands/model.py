"""Serve one model: answer what shards ask it."""

import click


@click.command("model")
@click.argument("name")
@click.option("--web-port", type=click.IntRange(1, 65535), help="Port of /metrics, /health and /ready (none).")
def command(name: str, web_port: int | None) -> None:
    """Serve model NAME of the current policy: read its requests, answer on `proposals`.

    It loads the versions that are published on `models` (ONNX, or what `continuo trainer` learns online), keeps the
    last 16, and answers each request with the version it asks for; a version it does not have within a second is
    answered `cold`. Start several for one model to share its partitions. Ends on SIGTERM; exit code 70 means that the
    transport failed and it should be started again.

    \b
    Examples:
      continuo model next_purchase
      continuo model next_purchase --web-port 6070
      CONTINUO_BROKER=kafka:9092 continuo model churn

    \b
    Environment:
      CONTINUO_BROKER      another Kafka instead of the embedded one
      CONTINUO_NAMESPACE   first word of the topics (continuo)
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    import os

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: rows are narrow, threads would only wait

    from agents import log, service, settings
    from agents.pages import pages
    from agents.workers import serving

    chosen = settings.load()
    log.configure(chosen.log_level, chosen.log_format)
    service.run(f"model {name}", lambda stop: serving.serve(chosen, name, stop), pages("model", [name], web_port))
