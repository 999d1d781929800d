"""Export decisions, activations, outcomes, rewards and notes as Parquet files."""

from pathlib import Path

import click

from agents.commands.explain import MomentType
from agents.moment import Moment

NOUNS = ("decisions", "decision-notes", "activations", "outcomes", "rewards", "catalogue")

CATALOGUE = "catalogue"


@click.command("export")
@click.argument("nouns", metavar="TOPIC...", nargs=-1, required=True, type=click.Choice(NOUNS))
@click.option("--since", type=MomentType(), help="From this time on; without it, from the first that is kept.")
@click.option("--until", type=MomentType(), help="Before this time; without it, to the last there is.")
@click.option(
    "--to", required=True, type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the files; made where it is missing.",
)
def command(nouns: tuple[str, ...], since: Moment | None, until: Moment | None, to: Path) -> None:
    """Export TOPIC... as Parquet: decisions, decision-notes, activations, outcomes or rewards, one or several.

    `catalogue` is what the published policies say of their actions, to be joined by policy_hash and action.

    Each topic becomes a folder with a file for each partition, written whole or not at all, with the rows in the order
    of the topic. The same range gives the same files. Columns are the record's fields, instants are timestamps, money
    is in micro-units; docs/export.md has all of them and queries to begin with.

    Times are the deployment's, in the policy's zone unless they name an offset. Needs the extra `export`
    (pip install 'continuo[export]').

    \b
    Examples:
      continuo export decisions activations --to out
      continuo export activations decision-notes outcomes catalogue --since 2017-06-01 --until 2017-07-01 --to out
      duckdb -c "SELECT action, count(*) FROM 'out/decisions/*.parquet' GROUP BY ALL"

    \b
    Environment:
      CONTINUO_NAMESPACE   first word of the deployment's topics (continuo; the demo's is grocery)
      CONTINUO_BROKER      another Kafka instead of the embedded one
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    import asyncio

    from agents import log, settings
    from agents.errors import UserError
    from agents.progress import Screen
    from agents.ranges import Range
    from agents.replay.reading import Topics

    try:
        from agents.exporting.catalogue import export_catalogue
        from agents.exporting.writing import export
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name} is missing: pip install 'continuo[export]'") from error

    chosen = settings.load()
    log.configure("warning", chosen.log_format)
    screen = Screen()
    topics = Topics(chosen.bootstrap, chosen.namespace, screen)

    async def run() -> list[str]:
        bundles, current = await topics.bundles()
        zone = str(bundles.get(current, {}).get("zone", "UTC"))
        try:
            within = Range("", since=since, until=until).within(zone)
        except ValueError:
            raise UserError("--until: expected a time after --since") from None
        found = await export(topics, [one for one in dict.fromkeys(nouns) if one != CATALOGUE], within, to)
        lines = [line for one in found for line in one.told()]
        return lines + ([export_catalogue(bundles, to)] if CATALOGUE in nouns else [])

    try:
        lines = asyncio.run(run())
    finally:
        screen.close()
    for line in lines:
        click.echo(line)
