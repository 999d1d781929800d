"""Targets: what people write — policy files, bundles, conditions, settings, ranges of time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson
import yaml

from agents import ranges
from agents.policy_files import PolicyFilesError, load_policy
from agents.policy_topic import canonical
from agents.settings import FILE, PREFIX, SettingsError, load
from streams.policy import PolicyRefused, compile_policy
from streams.policy.expression import ConditionError, compile_refused, parse
from tests.builders import compiled, small_policy
from tests.fuzz.shapes import JSON, LINES, TEXT, TOML, YAML
from tests.fuzz.target import Target

CONDITIONS: Final = (
    "recency_d <= 30 and not (spend_28d > 20000000 or last_product in ('new', 'lost')) and bought_28d.soup >= 1",
    "baskets_28d * 2 - 1 >= -3 and last_product != 'x'",
    "0 < recency_d < 5 < baskets_28d",
)
RANGES: Final = (
    "all", "0" * 32, "2017-06-01..2017-07-01", "2017-06-01T10:00..", "..1501612200000", "2017-06-01 10:00:01.5Z",
)  # fmt: skip
TOML_TEXT: Final = b'broker = "one:9092,[::1]:9094"\npartitions = 2\nmode = "history"\nlockstep = true\nhome = "kept"\n'
VARIABLES: Final = b"CONTINUO_BROKER=one:9092\nCONTINUO_PARTITIONS=3\nCONTINUO_LOCKSTEP=true\nCONTINUO_NAMESPACE=shop"


@cache
def _folder() -> Path:
    """Return a folder of this process alone."""
    made = tempfile.TemporaryDirectory(prefix="fuzz-")
    _kept.append(made)
    return Path(made.name)


_kept: Final[list[tempfile.TemporaryDirectory[str]]] = []  # removed with the process


def _files(data: bytes) -> None:
    folder = _folder() / "policy"
    folder.mkdir(exist_ok=True)
    (folder / "all.yaml").write_bytes(data)
    bundle, policy = load_policy(folder)
    _judge_published(bundle, policy.hash)


def _bundle(data: bytes) -> None:
    try:
        bundle = orjson.loads(data)
    except ValueError:
        return
    _judge_published(bundle, compile_policy(bundle).hash)


def _judge_published(bundle: dict[str, Any], name: str) -> None:
    """Have a bundle that was compiled be the same one to the worker that reads it from its topic."""
    assert compile_policy(orjson.loads(canonical(bundle))).hash == name


def _yaml_seeds() -> list[bytes]:
    whole = small_policy()
    anchored = yaml.dump(whole | {"contexts": whole["contexts"] + whole["contexts"] + [whole["contexts"][0]]})
    return [yaml.safe_dump(whole, sort_keys=False).encode(), anchored.encode()]


def _json_seeds() -> list[bytes]:
    return [canonical(small_policy())]


FEATURES: Final = compiled().features
VALUES: Final[dict[str, tuple[Any, ...]]] = {"int": (0, -1, 1 << 62), "str": ("", "new"), "bool": (True, False)}


def _condition(data: bytes) -> None:
    terms = parse(data.decode("utf-8", "surrogatepass"), FEATURES, "soup")
    assert terms
    refused = compile_refused({term: 1 << at for at, term in enumerate(terms)})
    types = [FEATURES.types[name] for name in FEATURES.names]
    for place in range(3):
        said = refused([VALUES[kind][place % len(VALUES[kind])] for kind in types])
        assert 0 <= said < 1 << len(terms)
    uses = sum(1 << at for at, term in enumerate(terms) if term.uses)
    assert refused([None] * len(types)) & uses == uses, "a term holds of what is missing"


def _settings(data: bytes) -> None:
    with _elsewhere():
        FILE.write_bytes(data)
        _judge_settings()


def _environment(data: bytes) -> None:
    told = [line.partition(b"=") for line in data.split(b"\n")]
    with _elsewhere():
        FILE.unlink(missing_ok=True)
        for name, _, value in told:
            if name and b"\0" not in name + value and name.startswith(PREFIX.encode()):
                os.environb[name] = value
        _judge_settings()


def _judge_settings() -> None:
    settings = load()
    assert all("\0" not in value for value in settings.environment.values())
    assert settings.bootstrap.isascii()


@contextmanager
def _elsewhere() -> Iterator[None]:
    """Be in a folder of our own, and in an environment that says nothing of Continuo, meanwhile."""
    before, folder = dict(os.environ), Path.cwd()
    os.chdir(_folder())
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        os.chdir(folder)


def _range(data: bytes) -> None:
    said = ranges.parse(data.decode("utf-8", "surrogatepass"))
    for zone in ("UTC", "Pacific/Auckland", "America/New_York"):
        within = said.within(zone)
        assert within.holds("0" * 32, 0) in {True, False}


def _texts(*said: str) -> Callable[[], list[bytes]]:
    return lambda: [text.encode() for text in said]


TARGETS: Final = [
    Target("policy_files", _files, (PolicyFilesError,), _yaml_seeds, YAML, size_max=1 << 16),
    Target("bundle", _bundle, (PolicyRefused,), _json_seeds, JSON, size_max=1 << 16),
    Target("condition", _condition, (ConditionError, UnicodeDecodeError), _texts(*CONDITIONS), TEXT, size_max=2_200),
    Target("settings", _settings, (SettingsError,), lambda: [TOML_TEXT], TOML, size_max=16_384),
    Target("environment", _environment, (SettingsError,), lambda: [VARIABLES], LINES, size_max=8_192),
    Target("range", _range, (ValueError,), _texts(*RANGES), TEXT, size_max=200),
]
