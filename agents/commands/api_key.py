"""Make a key for the HTTP API."""

import click


@click.command("api-key")
@click.argument("name")
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice(["events", "decide"]),
    help="What it may call; may be given several times.",
)
def command(name: str, roles: tuple[str, ...]) -> None:
    """Make a key for NAME and print the lines of the callers' file that let it in.

    The key itself is printed once, on stderr, and kept nowhere: the file holds its SHA-256. To take a key back, remove
    its lines and start `continuo api` again.

    \b
    Examples:
      continuo api-key website --role events --role decide >> callers.toml
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    import json

    from agents.api.callers import fingerprint, new_key

    key = new_key()
    click.echo(f"the key of {name}, which is not shown again: {key}", err=True)
    click.echo(f'[keys.{json.dumps(name)}]\nsha256 = "{fingerprint(key)}"\nroles = {json.dumps(roles)}\n')
