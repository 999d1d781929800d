from pathlib import Path

import pytest

from agents.demo.estate import Estate
from agents.demo.play import Demo, decisions, farewell
from agents.demo.screen import Screen
from agents.demo.scripts import run_script, said_by
from agents.errors import UserError
from agents.settings import Settings
from agents.telemetry import Telemetry


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    estate = Estate.of(Settings(home=tmp_path), "127.0.0.1:1", "plot")
    estate.log("").parent.mkdir(parents=True)
    return estate


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of scripts that run as `examples.<name>`."""
    folder = tmp_path / "checkout" / "examples"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("PYTHONPATH", str(folder.parent))
    return folder


async def test_a_script_runs_in_the_environment_of_the_estate(estate: Estate, example: Path) -> None:
    (example / "told.py").write_text(
        "import json, os, sys\n"
        "for n in range(2): print(json.dumps({'n': n, 'args': sys.argv[1:], 'ns': os.environ['CONTINUO_NAMESPACE']}))\n"
    )
    said = [told async for told in said_by(estate, "told", ["--until", "2017-02-01"])]
    assert said == [{"n": n, "args": ["--until", "2017-02-01"], "ns": "plot"} for n in range(2)]


async def test_a_script_that_fails_is_told_with_its_last_words(estate: Estate, example: Path) -> None:
    (example / "failing.py").write_text("import sys\nprint('the shelf is empty', file=sys.stderr)\nsys.exit(3)\n")
    with pytest.raises(UserError, match=r"examples.failing ended with code 3(.|\n)*the shelf is empty"):
        await run_script(estate, "failing")


async def test_a_script_ends_when_nobody_listens_any_more(estate: Estate, example: Path) -> None:
    ended = example / "ended"
    (example / "endless.py").write_text(
        "import pathlib, signal, sys\n"
        f"signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path({str(ended)!r}).touch(), sys.exit(0)))\n"
        "print('{}', flush=True)\n"
        "signal.pause()\n"
    )
    saying = said_by(estate, "endless", [])
    await anext(saying)
    await saying.aclose()
    assert ended.exists()


def test_there_is_no_demo_outside_of_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="from a checkout"):
        Demo(Settings(), "grocery", [], 2)


async def test_what_a_script_says_is_shown_or_kept(
    estate: Estate, example: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (example / "shown.py").write_text("import sys\nprint('figures')\nprint('a warning', file=sys.stderr)\n")
    await run_script(estate, "shown")
    assert capfd.readouterr().out == ""
    await run_script(estate, "shown", shown=True)
    assert capfd.readouterr().out == "figures\n"
    assert estate.log("shown").read_text() == "a warning\n"


def test_decisions_are_counted_from_the_pages_of_workers() -> None:
    telemetry = Telemetry()
    telemetry.counter("continuo_arbitrate_decisions_total", "best").inc(3)
    telemetry.counter("continuo_arbitrate_decisions_total", "none").inc(4)
    assert decisions(telemetry.expose().decode()) == 7
    assert decisions("") == 0


def test_the_farewell_says_how_to_look_around_and_how_to_stop(estate: Estate) -> None:
    told = farewell(Settings(), estate)
    assert "CONTINUO_NAMESPACE=plot continuo topics" in told
    assert "continuo down" in told
    assert "the broker is yours" in farewell(Settings(broker="kafka:9092"), estate)


def test_progress_is_a_line_now_and_then_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen("America/New_York")
    told = {"at": 1_491_019_200_000, "fed": 500, "of": 1_000, "in_flight": 7, "phase": "feeding"}
    screen.progress(told, 42)
    screen.progress(told, 43)
    screen.say("over")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "01 Apr 2017" in lines[0]
    assert "50 %" in lines[0]
    assert "42 decisions" in lines[0]
    assert lines[1].endswith("over")
