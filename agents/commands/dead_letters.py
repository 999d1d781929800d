"""List, show, explain and replay the records that were refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Collection

    from agents.dead_letters import Found, Parked


@click.group("dead-letters")
def command() -> None:
    """List, show, explain and replay the records that were refused.

    A refused record changes nothing and is kept for 30 days, with its cause and its original bytes. Its id was not
    remembered, so that it can be sent again once the cause is mended: the producer, the policy, or a bug. The alert
    DeadLetterFlood tells of many, StageFailing of those that are ours.

    \b
    Examples:
      continuo dead-letters list
      continuo dead-letters list --cause unknown_event_type --limit 20
      continuo dead-letters show 3/120
      continuo dead-letters explain 3/120
      continuo dead-letters replay --cause unknown_event_type --dry-run
      continuo dead-letters replay 3/120 3/121

    \b
    Environment:
      CONTINUO_BROKER      another Kafka instead of the embedded one
      CONTINUO_NAMESPACE   first word of the topics (continuo)
      CONTINUO_MODE        live or history: the clock by which a time is in the future (live)
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"


@command.command("list")
@click.option("--cause", default="", help="Only this cause; `missing` is every `missing:<field>`.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many, the newest.")
def list_letters(cause: str, limit: int) -> None:
    """List dead letters, oldest first, and how many there are of each cause."""
    from agents import dead_letters

    found = _find(cause=cause, limit=limit, newest=True)
    for one in found.parked:
        click.echo(dead_letters.told(one))
    for name, number in found.counts.most_common():
        click.echo(f"{number:>8}  {name}", err=True)
    if found.counts.total() > limit:
        click.echo(f"the newest {limit} of {found.counts.total()} are shown; --limit shows more", err=True)


@command.command("show")
@click.argument("letter_id")
@click.option("--raw", is_flag=True, help="Write the original value alone, byte for byte.")
def show(letter_id: str, *, raw: bool) -> None:
    """Show all of the dead letter LETTER_ID."""
    from agents import dead_letters

    (one,) = _find([letter_id]).parked
    click.echo((one.letter.value or b"") if raw else dead_letters.shown(one), nl=not raw)


@command.command("explain")
@click.argument("letter_id")
def explain(letter_id: str) -> None:
    """Tell what LETTER_ID means, what to do, and whether it would be accepted now."""
    from agents import dead_letters

    (one,) = _find([letter_id]).parked
    click.echo(dead_letters.explain(one))
    why = _obstacles([one])[one.id]
    click.echo(f"Replayed now, it would be refused: {why}" if why else "Replayed now, it would be accepted.")


@command.command("replay")
@click.argument("letter_ids", nargs=-1)
@click.option("--cause", default="", help="All of this cause, oldest first, instead of naming each.")
@click.option("--limit", type=click.IntRange(1), default=1_000, show_default=True, help="At most so many.")
@click.option("--dry-run", is_flag=True, help="Tell what would be sent, and send nothing.")
def replay(letter_ids: tuple[str, ...], cause: str, limit: int, *, dry_run: bool) -> None:
    """Send the original bytes of dead letters to raw-events again.

    Only what would be accepted by the current policy is sent; of the rest it is told why not (exit code 3). A record
    that was accepted meanwhile, or is replayed twice, is a duplicate.
    """
    import asyncio

    from agents import dead_letters, settings
    from agents.errors import UserError

    if bool(letter_ids) == bool(cause):
        raise UserError("replay: expected ids of dead letters, or --cause", exit_code=2)
    found = _find(letter_ids, cause, limit).parked
    why = _obstacles(found)
    sent = [one for one in found if not why[one.id]]
    if not dry_run:
        chosen = settings.load()
        asyncio.run(dead_letters.replay(chosen.bootstrap, chosen.namespace, sent))
    for one in found:
        click.echo(f"{one.id:10}  {f'not sent: {why[one.id]}' if why[one.id] else 'to be sent' if dry_run else 'sent'}")
    click.echo(f"{len(sent)} of {len(found)} {'would be' if dry_run else 'are'} sent", err=True)
    if len(sent) < len(found):
        raise click.exceptions.Exit(3)


def _find(ids: Collection[str] = (), cause: str = "", limit: int = 1, *, newest: bool = False) -> Found:
    import asyncio

    from agents import dead_letters, settings

    chosen = settings.load()
    return asyncio.run(dead_letters.find(chosen.bootstrap, chosen.namespace, ids, cause, limit, newest=newest))


def _obstacles(parked: list[Parked]) -> dict[str, str]:
    """Return why each of these would not be accepted now, "" if nothing is known against it."""
    import asyncio
    import time

    from agents import dead_letters, settings
    from agents.policy_topic import read_current
    from streams.policy import compile_policy

    chosen = settings.load()
    policy = compile_policy(asyncio.run(read_current(chosen.bootstrap, chosen.namespace)))
    live = chosen.mode == "live"
    clock = time.time_ns() // 1_000_000 if live else 0  # a history's clock is its shards'
    return {one.id: dead_letters.obstacle(one, chosen.namespace, policy, clock, live=live) for one in parked}
