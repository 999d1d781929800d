"""Look at this machine and this deployment: what is wrong, and what helps."""

import click


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def command(*, as_json: bool) -> None:
    """Look at Python, packages, disk, clock, settings, Kafka, topics, policy and registry; say what helps.

    Each line is ok, in doubt (it works, for now) or wrong. It changes nothing.

    \b
    Exit codes: 0 nothing is wrong, 1 something is

    \b
    Examples:
      continuo doctor
      CONTINUO_BROKER=kafka:9092 continuo doctor --json
    """  # noqa: D301 - \b is click's mark for "do not re-wrap"
    import asyncio
    import json
    from dataclasses import asdict
    from pathlib import Path

    from agents import settings
    from agents.doctor import kafka, machine
    from agents.doctor.finding import Finding

    findings: list[Finding] = []

    def tell(finding: Finding) -> None:
        findings.append(finding)
        if not as_json:
            click.echo(finding.told())

    try:
        chosen = settings.load()
    except settings.SettingsError as error:
        chosen = None
        tell(Finding("wrong", str(error), "see there"))
    for finding in machine.look(chosen.home if chosen else Path(".continuo")):
        tell(finding)
    if chosen is not None:
        tell(kafka.answers(chosen))
        if findings[-1].state == "ok":
            for finding in asyncio.run(kafka.look(chosen)):
                tell(finding)
    if as_json:
        click.echo(json.dumps({"findings": [asdict(finding) for finding in findings]}))
    raise click.exceptions.Exit(1 if any(finding.state == "wrong" for finding in findings) else 0)
