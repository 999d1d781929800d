"""List the schemas, check that all versions read each other, register them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agents.registry.client import RegistryClient

T = TypeVar("T")
MODEL = click.option("--model", "models", multiple=True, help="A model of the policy: it has topics of its own.")
REGISTRY = click.option("--registry", default=None, help="Address of a schema registry, http://host:8081.")


@click.group("schemas")
def command() -> None:
    """List the schemas, check that all versions read each other, register them in a registry of yours.

    Every worker answers Confluent's read-only paths on its web port, so that a client needs no other registry than
    http://worker:6066. Whoever has one can have the schemas there too.

    \b
    Examples:
      continuo schemas list
      continuo schemas check --registry http://registry:8081
      continuo schemas register --registry http://registry:8081 --model churn --dry-run

    \b
    Environment:
      CONTINUO_REGISTRY    the registry, instead of --registry
      CONTINUO_NAMESPACE   first word of the topics, and so of the subjects (continuo)
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"


@command.command("list")
@MODEL
def list_schemas(models: tuple[str, ...]) -> None:
    """List the schemas: id on the wire, name and version, subject."""
    import schemas
    from agents import settings
    from agents.registry.releasing import entries
    from agents.registry.subjects import subjects

    for entry in entries(subjects(settings.load().namespace, models)):
        number = schemas.schema_id(entry.name, entry.version)
        click.echo(f"{number}  {f'{entry.name} v{entry.version}':<20}  {entry.subject}")


@command.command("check")
@MODEL
@REGISTRY
def check(models: tuple[str, ...], registry: str | None) -> None:
    """Check that every version can read every other: of what is released and, if one is named, of a registry's.

    Exit codes: 0 they can, 1 they cannot or a released file was edited, 69 the registry does not answer.
    """
    import schemas
    from agents import settings
    from agents.registry.releasing import problems
    from agents.registry.subjects import subjects
    from schemas import release

    chosen = settings.load(registry=registry)
    _refuse(release.problems())
    click.echo(f"{len(schemas.NUMBERS)} released schemas: every version reads every other")
    if chosen.registry:
        named = subjects(chosen.namespace, models)
        _refuse(_with(chosen.registry, lambda client: problems(client, named)))
        click.echo(f"{len(named)} subjects at {chosen.registry}: nothing there that ours cannot share a topic with")


@command.command("register")
@MODEL
@REGISTRY
@click.option("--dry-run", is_flag=True, help="Tell what would be registered, and write nothing.")
def register(models: tuple[str, ...], registry: str | None, *, dry_run: bool) -> None:
    """Register what the registry does not have yet, each subject as FULL_TRANSITIVE; again changes nothing.

    The registry gives ids of its own; Continuo goes on writing the ids that `list` tells.
    Exit codes: 0 all are there, 1 refused, 69 the registry does not answer.
    """
    from agents import settings
    from agents.errors import UserError
    from agents.registry import releasing
    from agents.registry.subjects import subjects

    chosen = settings.load(registry=registry)
    if not chosen.registry:
        raise UserError("which registry? expected --registry or CONTINUO_REGISTRY, http://host:8081", exit_code=2)
    named = subjects(chosen.namespace, models)

    async def go(client: RegistryClient) -> tuple[int, int]:
        _refuse(await releasing.problems(client, named))
        new = total = 0
        async for entry, number, is_new in releasing.register(client, named, dry_run=dry_run):
            total, new = total + 1, new + is_new
            done = "registered" if is_new else "there"
            fate = "would be registered" if number is None else f"{done}, id {number}"
            click.echo(f"{entry.subject}  {entry.name} v{entry.version}  {fate}")
        return new, total

    new, total = _with(chosen.registry, go)
    click.echo(f"{new} of {total} {'would be ' if dry_run else ''}new at {chosen.registry}", err=True)


def _with(url: str, do: Callable[[RegistryClient], Awaitable[T]]) -> T:
    import asyncio

    from aiohttp import ClientSession

    from agents.registry.client import RegistryClient

    async def go() -> T:
        async with ClientSession() as session:
            return await do(RegistryClient(session, url))

    return asyncio.run(go())


def _refuse(problems: list[str]) -> None:
    from agents.errors import UserError

    if problems:
        raise UserError("\n".join(["these versions cannot share a topic:", *(f"  {one}" for one in problems)]))
