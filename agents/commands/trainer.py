"""Train one model: learn from what followed its decisions."""

import click


@click.command("trainer")
@click.argument("name")
@click.option("--web-port", type=click.IntRange(1, 65535), help="Port of /metrics, /health and /ready (none).")
def command(name: str, web_port: int | None) -> None:
    """Train model NAME of the current policy: read its final training examples, publish versions on `models`.

    A model of kind online learns weights; one of kind onnx keeps its published graph and gets a fresh calibrator.

    There is one trainer for a model: starting a second one ends the first at its next version. A version holds weights
    and positions in one record, so a trainer that is killed goes on as if it had not been. The first version comes
    after 500 examples, then one every stream-day; in lockstep shards wait for it where a stream-day begins. Exit code
    70: the transport failed, start it again; 78: the examples are not for this model.

    \b
    Examples:
      continuo trainer next_purchase
      continuo trainer next_purchase --web-port 6071
      CONTINUO_BROKER=kafka:9092 continuo trainer churn

    \b
    Environment:
      CONTINUO_BROKER      another Kafka instead of the embedded one
      CONTINUO_NAMESPACE   first word of the topics (continuo)
      CONTINUO_LOCKSTEP    true: two runs of a history publish the same (false)
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    import os

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: learning is one example at a time

    from agents import log, service, settings
    from agents.pages import pages
    from agents.trainers import training

    chosen = settings.load()
    log.configure(chosen.log_level, chosen.log_format)
    service.run(f"trainer {name}", lambda stop: training.train(chosen, name, stop), pages("trainer", [name], web_port))
