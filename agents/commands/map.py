"""Try how a delivery channel maps activations to requests, and answers to outcomes."""

from pathlib import Path

import click


@click.group("map")
def command() -> None:
    """Try how a delivery channel maps activations to requests, and answers to outcomes.

    \b
    Example:
      continuo channel new sms --kind sms --sample sms.json      prints the section for the policy's channels
      continuo map test sms.json --policy my-policy --channel sms
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"


@command.command("test")
@click.argument("sample", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--policy", "folder", required=True, type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Folder of the policy.")  # fmt: skip
@click.option("--channel", "name", required=True, help="Delivery channel of it.")
def test(sample: Path, folder: Path, name: str) -> None:
    """Show what would be sent for SAMPLE, and what its answer would mean; nothing is sent.

    SAMPLE is JSON: {"activation": {…}, "answer": {"status": 200, "body": …}}.
    """
    import orjson

    from agents.channels.rehearsal import rehearse
    from agents.errors import UserError
    from agents.policy_files import load_policy
    from streams.policy.problems import expected_one_of

    _, policy = load_policy(folder)
    if name not in policy.channels:
        raise UserError(f"the policy has no delivery channel {name!r}. {expected_one_of(policy.channels, name)}")
    try:
        told = orjson.loads(sample.read_bytes())
    except orjson.JSONDecodeError as error:
        raise UserError(f"{sample}: expected JSON: {error}") from None
    click.echo(rehearse(policy.channels[name], told))
