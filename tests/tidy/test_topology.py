"""Stages, topics and metrics are what their tables say, and so are the documents."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from agents.telemetry import BY_NAME, METRICS, OTHERS
from streams.topology import BY_NOUN, STAGES, TABLES, TOPICS, Stage, topic_name

PLACES = {*(stage.verb for stage in STAGES), "transport", *OTHERS}


@pytest.fixture(scope="module")
def generate(root: Path) -> ModuleType:
    """Return docs/generate.py as a module."""
    spec = importlib.util.spec_from_file_location("generate", root / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.verb)
def test_a_stage_opens_with_what_the_table_says_of_it(stage: Stage, root: Path) -> None:
    docstring = ast.get_docstring(ast.parse((root / "streams" / f"{stage.verb}.py").read_text(encoding="utf-8"))) or ""
    title, _, first, second, *_ = docstring.splitlines()
    assert title == f"Stage {stage.number} of {len(STAGES)} — {stage.verb}: {stage.promise}."
    assert re.split(r" {2,}", first) == ["Reads", f"{stage.reads}.", "Writes", f"{stage.writes}."]
    assert re.split(r" {2,}", second) == ["Keeps", f"{stage.keeps}.", "Never", f"{stage.never}."]


def test_stages_are_numbered_in_order() -> None:
    assert [stage.number for stage in STAGES] == list(range(1, 8))


def test_a_topic_is_a_plural_noun_and_has_its_schema(root: Path) -> None:
    assert len(BY_NOUN) == len(TOPICS)
    for topic in TOPICS:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", topic.noun)
        assert not topic.schema or (root / "schemas" / f"{topic.schema}.v1.avsc").is_file()
    assert topic_name("shop", "requests", "lapse") == "shop.requests.lapse.v1"


def test_tables_share_a_changelog_without_confusion() -> None:
    codes = [table.code for table in TABLES]
    assert len(set(codes)) == len(codes)
    assert all(len(code) == 1 for code in codes)


def test_a_metric_is_named_for_its_stage_and_its_unit() -> None:
    assert len(BY_NAME) == len(METRICS)
    for metric in METRICS:
        product, place, noun = metric.name.split("_", 2)
        assert product == "continuo"
        assert place in PLACES
        assert noun.endswith("_total") == (metric.kind == "counter")
        assert bool(metric.buckets) == (metric.kind == "histogram")
        assert metric.kind != "histogram" or noun.endswith(("_seconds", "_bytes"))


def test_every_metric_that_is_counted_is_declared(root: Path) -> None:
    assert counted(root) - BY_NAME.keys() == set()


def test_every_metric_that_is_declared_is_counted(root: Path) -> None:
    assert BY_NAME.keys() - counted(root) == set()


def counted(root: Path) -> set[str]:
    paths = [path for path in (root / "agents").rglob("*.py") if path.name != "telemetry.py"]
    return {name for path in paths for name in re.findall(r'"(continuo_[a-z_]+)"', path.read_text(encoding="utf-8"))}


def test_the_generated_documents_are_fresh(generate: ModuleType) -> None:
    stale = [path.name for path, text in generate.documents().items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run `make docs`"
