"""Settings: three sources in order, and every mistake in one message."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.settings import Settings, SettingsError, load

pytestmark = pytest.mark.usefixtures("bare_environment")


def test_without_a_word_from_outside_the_embedded_broker_is_used() -> None:
    settings = load()
    assert settings.bootstrap == "127.0.0.1:19092"
    assert (settings.home, settings.namespace, settings.partitions, settings.mode) == (
        Path(".continuo"), "continuo", 8, "live",
    )  # fmt: skip


def test_an_option_wins_over_the_environment_which_wins_over_the_file(
    bare_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bare_environment / "continuo.toml").write_text('partitions = 2\nnamespace = "file"\nmode = "history"\n')
    monkeypatch.setenv("CONTINUO_PARTITIONS", "3")
    monkeypatch.setenv("CONTINUO_NAMESPACE", "environment")
    settings = load(partitions=4, namespace=None)
    assert (settings.partitions, settings.namespace, settings.mode) == (4, "environment", "history")


def test_another_kafka_is_named_by_one_address_or_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTINUO_BROKER", "one:9092,two:9093,[::1]:9094")
    assert load().bootstrap == "one:9092,two:9093,[::1]:9094"


def test_an_empty_variable_is_no_word_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTINUO_BROKER", "")
    assert load().broker is None


def test_all_mistakes_are_told_at_once_each_with_what_came_and_what_is_expected(
    bare_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bare_environment / "continuo.toml").write_text('log_level = "loud"\npartition = 3\n')
    monkeypatch.setenv("CONTINUO_WEB_PORT", "70000")
    monkeypatch.setenv("CONTINUO_NAMESPACE", "My Shop")
    monkeypatch.setenv("CONTINUO_BROKR", "kafka:9092")
    with pytest.raises(SettingsError) as refused:
        load(chunk_max=0)
    first, *told = str(refused.value).splitlines()
    assert first == "6 settings are wrong:"
    assert sorted(line.strip() for line in told) == [
        "--chunk-max: expected 1 to 10000, got 0",
        "CONTINUO_BROKR: there is no such setting; did you mean CONTINUO_BROKER?",
        "CONTINUO_NAMESPACE: expected a lower-case word of letters, digits and dashes, at most 40, got 'My Shop'",
        "CONTINUO_WEB_PORT: expected a port, 1 to 65535, got '70000'",
        "log_level in continuo.toml: expected debug, info, warning or error, got 'loud'",
        "partition in continuo.toml: there is no such setting; did you mean partitions?",
    ]
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    "address", ["kafka", "kafka:", "kafka:0", "kafka:70000", "a:1,,b:2", "http://kafka:9092", ":9092", "a:\u0661\u0662"]
)
def test_what_is_not_an_address_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTINUO_BROKER", address)
    with pytest.raises(SettingsError, match=r"CONTINUO_BROKER: expected host:port"):
        load()


def test_a_file_that_is_not_toml_is_told_with_the_place(bare_environment: Path) -> None:
    (bare_environment / "continuo.toml").write_text("partitions = = 3\n")
    with pytest.raises(SettingsError, match=r"continuo\.toml: is not TOML: .*line 1"):
        load()


def test_every_setting_says_what_it_means_and_what_it_expects() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert isinstance(field.json_schema_extra, dict), name
        assert field.json_schema_extra["expected"], name


def test_another_process_loads_the_same_settings_from_the_environment(
    bare_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Settings(home=Path("kept"), namespace="shop", partitions=3, mode="history", lockstep=True)
    for name, value in told.environment.items():
        monkeypatch.setenv(name, value)
    assert load() == told.model_copy(update={"home": bare_environment / "kept"})


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (b'mode = "live"\nnamespace = "\xff"', "is not TOML: expected UTF-8, got the byte 0xff (at line 2)"),
        (b"partitions = " + b"9" * 5_000, "expected plain settings, got a number of thousands of digits"),
        (b"partitions = " + b"[" * 5_000, "expected plain settings, got brackets in brackets without end"),
    ],
    ids=["no text", "digits", "brackets"],
)
def test_bytes_that_are_no_settings_are_told_and_raise_nothing_else(
    bare_environment: Path, file: bytes, told: str
) -> None:
    (bare_environment / "continuo.toml").write_bytes(file)
    with pytest.raises(SettingsError) as refused:
        load()
    assert str(refused.value) == f"1 setting is wrong:\n  continuo.toml: {told}"


def test_a_file_that_cannot_be_read_is_told(bare_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    (bare_environment / "continuo.toml").touch()
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SettingsError, match=r"continuo\.toml: expected a file that can be read, got Permission denied"):
        load()


def test_what_came_is_shown_as_far_as_a_person_reads(bare_environment: Path) -> None:
    (bare_environment / "continuo.toml").write_text(f'partitions = 0x{"f" * 5_000}\nnamespace = "{"a" * 5_000}"\n')
    with pytest.raises(SettingsError) as refused:
        load()
    assert "expected 1 to 1000, got a number of too many digits" in str(refused.value)
    assert len(str(refused.value)) < 1_000


def test_a_path_that_no_file_system_has_is_refused(bare_environment: Path) -> None:
    (bare_environment / "continuo.toml").write_text('home = "\\u0000"')
    with pytest.raises(SettingsError, match=r"home in continuo\.toml: expected a path"):
        load()
