"""Import what is known of people: profiles from Parquet, CSV or JSON lines."""

from pathlib import Path

import click


@click.group("import")
def command() -> None:
    """Import what is known of people from elsewhere."""


@command.command("profiles")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--type", "kind", required=True, help="Event type of the policy that a row tells.")
@click.option("--id", "profile_id", default="profile_id", show_default=True, help="Column that names the person.")
@click.option("--map", "renamed", multiple=True, metavar="PROPERTY=COLUMN", help="A column of another name.")
@click.option("--skip", "skipped", multiple=True, metavar="COLUMN", help="A column that is not imported.")
def profiles_command(
    file: Path, kind: str, profile_id: str, renamed: tuple[str, ...], skipped: tuple[str, ...]
) -> None:
    """Tell what FILE (.parquet, .csv, .jsonl) knows of people, an event for each row; it triggers no decision.

    Columns are the event type's properties by their names, `consent.<scope>` for what the person agreed to, and
    `occurred_at` (ISO 8601 or milliseconds) for when that was so; without it, when the import began (live alone). The
    events have the source `import`: they are folded into profiles, open no round, and are nobody's outcome.

    A row that the event catalogue does not take is written to a file, with its number and why; the others go on. An
    import that was stopped goes on where it was; the same file again sends nothing twice.

    \b
    Exit codes: 0 every row was sent, 1 some were rejected

    \b
    Examples:
      continuo import profiles crm.parquet --type customer_described --id customer_no --skip notes
      continuo import profiles crm.csv --type moved --map zone=timezone

    \b
    Environment:
      CONTINUO_NAMESPACE   first word of the deployment's topics (continuo)
      CONTINUO_BROKER      another Kafka instead of the embedded one
      CONTINUO_HOME        where it is kept how far an import is, and what was rejected (.continuo)
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    import asyncio

    from agents import log, settings
    from agents.errors import UserError
    from agents.importing import columns, files
    from agents.importing.sending import Done, Import
    from agents.policy_topic import read_bundles
    from agents.progress import Screen
    from streams.policy import compile_policy

    pairs = dict(one.partition("=")[::2] for one in renamed)
    if not all(pairs.values()):
        raise UserError(f"--map: expected PROPERTY=COLUMN, got {', '.join(renamed)}")
    chosen = settings.load()
    log.configure("warning", chosen.log_format)
    bundles, current = asyncio.run(read_bundles(chosen.bootstrap, chosen.namespace))
    if not current:
        raise UserError("no policy is published yet, so no event type is known; `continuo run` publishes one")
    policy = compile_policy(bundles[current])
    told = columns.match(files.header_of(file), policy, kind, profile_id, pairs, skipped)
    if chosen.mode == "history" and not told.occurred_at:
        raise UserError("a history has no now: expected a column `occurred_at` that says when each row was so")
    work, of = Import(chosen, file, files.digest_of(file), told, policy), files.count_of(file)
    if work.resumed_at:
        click.echo(f"going on behind row {work.resumed_at:,}", err=True)
    screen = Screen()

    def tell(done: Done) -> None:
        share = f" of {of:,}" if of else ""
        screen.say(f"{done.rows:,}{share} rows: {done.sent:,} sent, {done.rejected:,} rejected")

    try:
        asyncio.run(work.run(tell))
    finally:
        screen.close()
    done = work.done
    click.echo(f"{done.rows:,} rows of {file}: {done.sent:,} sent as {kind}, {done.rejected:,} rejected")
    if done.rejected:
        click.echo(f"what was rejected, and why: {work.rejects}", err=True)
        raise click.exceptions.Exit(1)
