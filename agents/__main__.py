"""The command line: `continuo <command>`, one module of `agents.commands` each, imported only when it runs."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path
from typing import Any

import click

import agents.commands
from agents.access.denials import EXIT_DENIED, denial
from agents.build import core_build
from agents.errors import UserError


class Commands(click.Group):
    """The commands found in `agents.commands`; a listing reads their docstrings and imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted."""
        del ctx
        return sorted(_modules())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command, or return None where there is none of that name."""
        del ctx
        found = _modules().get(cmd_name)
        if found is None:
            return None
        module = importlib.import_module(f"agents.commands.{found}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write name and first docstring line of every command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary(name)) for name in self.list_commands(ctx)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a name that does not exist is told with the ones that do."""
        name = args[0]
        if not name.startswith("-") and name not in self.list_commands(ctx):
            ctx.fail(f"there is no command {name!r}; there are: {', '.join(self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error meant for the user is printed alone and gives the exit code."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"continuo: {error}", err=True)
            ctx.exit(error.exit_code)
        except Exception as error:
            if not (told := denial(error)):
                raise
            click.echo(f"continuo: {told}", err=True)
            ctx.exit(EXIT_DENIED)


def _modules() -> dict[str, str]:
    """Return the module of each command, by its name: `import_` is that of `import`, which Python keeps for itself."""
    names = (module.name for module in pkgutil.iter_modules(agents.commands.__path__))
    return {name.rstrip("_").replace("_", "-"): name for name in names}


def summary(name: str) -> str:
    """Return a command's line in the listing, without its full stop."""
    path = Path(agents.commands.__path__[0]) / f"{_modules()[name]}.py"
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0].rstrip(".")


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Settings are environment variables CONTINUO_<SETTING> or keys of ./continuo.toml. "
    "`continuo COMMAND --help` tells more.",
)
@click.version_option(
    package_name="continuo", prog_name="continuo", message=f"%(prog)s, version %(version)s, core {core_build()}"
)
def cli() -> None:
    """Decide once for every person, across all models and delivery channels, on Kafka.

    Events go in, models propose, one decision comes out with every reason on record,
    and what happens next teaches the models.

    \b
    Try it:
      continuo up           start a real Kafka on this machine (no Docker, no Java needed)
      continuo demo         stream a real grocery chain's year and report what was decided
      continuo explain ID   tell one decision in words
      continuo down         stop the Kafka
    """  # noqa: D301 — \b is click's mark for "do not re-wrap"


def main() -> None:
    """Run the command line and exit with its code."""
    cli(prog_name="continuo")


if __name__ == "__main__":
    main()
