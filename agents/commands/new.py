"""Begin a project: a policy with an event, a model and a test, ready to run."""

from pathlib import Path

import click


@click.command("new")
@click.argument("folder", metavar="PROJECT", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Create the folder PROJECT with a policy that runs: two events, two offers, two delivery channels, one model.

    With it come a scenario that tests it, and a key for the HTTP API. Nothing is overwritten.

    \b
    Examples:
      continuo new shop
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    from agents.starter.laying import lay

    for path in lay(folder):
        click.echo(f"{folder / path}")
    click.echo(f"""
Next:
  cd {folder}
  continuo policy test policy
  continuo run --policy policy --callers callers.toml
README.md there says how to ask for a decision.""")
