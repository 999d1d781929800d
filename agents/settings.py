"""The settings of a deployment: environment variables `CONTINUO_<SETTING>`, then `continuo.toml`, then defaults.

A mistake is never half applied: `load` reports all of them in one message before any work is done.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from agents.access.mistakes import mistakes_of
from agents.access.servers import Security, Servers
from agents.errors import UserError

PREFIX: Final = "CONTINUO_"
FILE: Final = Path("continuo.toml")
SHOWN_MAX: Final = 200  # characters of what came
_ADDRESS: Final = re.compile(r"[A-Za-z0-9_.-]+:[0-9]{1,5}|\[[0-9A-Fa-f:.]+\]:[0-9]{1,5}")
_URL: Final = re.compile(r"https?://[A-Za-z0-9_.\[\]:-]+(/[A-Za-z0-9_./-]*)?")


class SettingsError(UserError):
    """Refuse to start: names every setting that is wrong, what came and what is expected."""

    exit_code = 2


def _is_address_list(value: str) -> str:
    addresses = value.split(",")
    if not all(_ADDRESS.fullmatch(address) and 0 < int(address.rpartition(":")[2]) < 65536 for address in addresses):
        message = "not a list of addresses"
        raise ValueError(message)
    return value


def _is_path(value: Path) -> Path:
    if "\0" in str(value):
        message = "no file system has such a path"
        raise ValueError(message)
    return value


def _is_file(value: Path) -> Path:
    return _is_path(value).absolute()  # other processes run in other folders


def _is_url(value: str) -> str:
    if not _URL.fullmatch(value):
        message = "not a web address"
        raise ValueError(message)
    return value


def _explained(default: Any, meaning: str, expected: str, **bounds: Any) -> Any:
    """Declare one setting with what it means and, for the error message, what is expected."""
    return Field(default, description=meaning, json_schema_extra={"expected": expected}, **bounds)


SecretFile = Annotated[Path, AfterValidator(_is_file)] | None
Port = Annotated[int, Field(ge=1, le=65535)]


class Settings(BaseSettings):
    """What a deployment is told from outside; the table that `continuo.toml`, the environment and the help share."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, toml_file=FILE
    )

    home: Annotated[Path, AfterValidator(_is_path)] = _explained(
        Path(".continuo"), "folder of everything Continuo keeps on this machine", "a path"
    )
    broker: Annotated[str, AfterValidator(_is_address_list)] | None = _explained(
        None, "another Kafka to use instead of the embedded one", "host:port, several separated by commas"
    )
    broker_port: Port = _explained(19092, "port of the embedded Kafka on 127.0.0.1", "a port, 1 to 65535")
    namespace: str = _explained(
        "continuo",
        "first word of topics, group and transactional ids: one deployment, one tenant",
        "a lower-case word of letters, digits and dashes, at most 40",
        pattern=r"^[a-z][a-z0-9-]{0,39}$",
    )
    partitions: int = _explained(
        8, "partitions of every keyed topic, fixed for the deployment's life", "1 to 1000", ge=1, le=1000
    )
    mode: Literal["live", "history"] = _explained(
        "live", "the deployment's clock: the wall clock, or the largest event time of the partition", "live or history"
    )
    lockstep: bool = _explained(
        False, "two runs of a history give the same bytes, versions included (slow; for tests)", "true or false"
    )
    chunk_max: int = _explained(1000, "records of one partition taken together", "1 to 10000", ge=1, le=10_000)
    commit_interval_ms: int = _explained(
        50, "time between two commits of a partition that keeps up", "10 to 5000 (ms)", ge=10, le=5000
    )
    web_port: Port = _explained(6066, "port of a worker's /metrics, /health and /ready", "a port, 1 to 65535")
    log_level: Literal["debug", "info", "warning", "error"] = _explained(
        "info", "the least severe log line that is written", "debug, info, warning or error"
    )
    log_format: Literal["auto", "json", "text"] = _explained(
        "auto", "form of log lines; auto is text on a terminal and JSON elsewhere", "auto, json or text"
    )

    registry: Annotated[str, AfterValidator(_is_url)] | None = _explained(
        None, "schema registry that `continuo schemas` checks against and registers in", "http://host:8081"
    )
    traces: Annotated[str, AfterValidator(_is_url)] | None = _explained(
        None, "OpenTelemetry collector (OTLP over HTTP) that gets spans of sampled events", "http://host:4318"
    )

    tls: bool = _explained(False, "talk to Kafka over TLS, and check its certificate", "true or false")
    tls_ca_file: SecretFile = _explained(
        None, "certificates (PEM) of the authorities that Kafka's may be signed by, instead of the system's", "a path"
    )
    tls_certificate_file: SecretFile = _explained(None, "our own certificate (PEM), for mTLS", "a path")
    tls_key_file: SecretFile = _explained(None, "its key (PEM), if it is not in the same file", "a path")
    tls_key_password_file: SecretFile = _explained(None, "file with the password of that key", "a path")
    sasl_mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] | None = _explained(
        None, "how we tell Kafka who we are", "SCRAM-SHA-256, SCRAM-SHA-512 or PLAIN"
    )
    sasl_user: str | None = _explained(None, "who we are to Kafka", "a name")
    sasl_password_file: SecretFile = _explained(None, "file with the password of that user", "a path")
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = _explained(
        "none", "how records are compressed that we write", "none, gzip, snappy, lz4 or zstd"
    )

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment variables from which another process in any folder loads these settings."""
        told = {PREFIX + name.upper(): value for name, value in self.model_dump(mode="json").items()}
        text = {name: str(value) if value is not None else "" for name, value in told.items()}
        return text | {f"{PREFIX}HOME": str(self.home.resolve())}

    @property
    def bootstrap(self) -> Servers:
        """Return the broker's address or addresses, `host:port[,host:port]`, and how to talk there."""
        return Servers(self.broker or f"127.0.0.1:{self.broker_port}", self.security)

    @property
    def security(self) -> Security:
        """Return how to talk to the broker."""
        return Security(**{name: getattr(self, name) for name in Security.__slots__})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then the environment, then `continuo.toml` of the current folder."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load(**overrides: Any) -> Settings:
    """Return the settings in force; `overrides` (a command's options) win over environment and file, None is ignored.

    Raises SettingsError with every mistake at once, misspelt names included.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    mistakes = [_unknown(name) for name in sorted(_unknown_variables(os.environ))]
    try:
        settings = Settings(**given)
    except ValidationError as error:
        mistakes += [_told(dict(one), given) for one in error.errors()]
    except (ValueError, RecursionError, OSError) as error:
        mistakes.append(f"{FILE}: {_unread(error)}")
    else:
        mistakes += mistakes_of(settings.security, embedded=settings.broker is None)
        if not mistakes:
            return settings
    count = "1 setting is" if len(mistakes) == 1 else f"{len(mistakes)} settings are"
    raise SettingsError("\n".join([f"{count} wrong:", *(f"  {mistake}" for mistake in mistakes)]))


def _unread(error: Exception) -> str:
    """Say why the file could not be read: whatever bytes it has, it must not end in a traceback."""
    if isinstance(error, OSError):
        return f"expected a file that can be read, got {error.strerror}"
    if isinstance(error, UnicodeDecodeError):
        line = error.object.count(b"\n", 0, error.start) + 1
        return f"is not TOML: expected UTF-8, got the byte 0x{error.object[error.start]:02x} (at line {line})"
    if isinstance(error, tomllib.TOMLDecodeError):
        return f"is not TOML: {error}"
    is_deep = isinstance(error, RecursionError)
    came = "brackets in brackets without end" if is_deep else "a number of thousands of digits"
    return f"expected plain settings, got {came}"


def _unknown_variables(environment: Mapping[str, str]) -> set[str]:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    return {name for name in environment if name.startswith(PREFIX) and name not in known}


def _unknown(variable: str) -> str:
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    close = difflib.get_close_matches(variable, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    return f"{variable}: there is no such setting; {hint}"


def _told(error: dict[str, Any], given: Mapping[str, Any]) -> str:
    name = str(error["loc"][0])
    field: FieldInfo | None = Settings.model_fields.get(name)
    if field is None:
        close = difflib.get_close_matches(name, Settings.model_fields, n=1)
        return f"{name} in {FILE}: there is no such setting" + (f"; did you mean {close[0]}?" if close else "")
    variable = PREFIX + name.upper()
    if name in given:
        place = "--" + name.replace("_", "-")
    else:
        place = variable if variable in os.environ else f"{name} in {FILE}"
    extra = field.json_schema_extra
    expected = extra["expected"] if isinstance(extra, dict) else field.description
    return f"{place}: expected {expected}, got {_shown(error['input'])}"


def _shown(value: Any) -> str:
    try:
        told = repr(value)
    except ValueError:  # Python does not print a number of more than 4300 digits
        return "a number of too many digits"
    return told if len(told) <= SHOWN_MAX else f"{told[:SHOWN_MAX]}…"
