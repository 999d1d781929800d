"""How a Kafka is reached: what does not fit together is told at once, and every client is made in one place."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from agents.access.servers import Security, Servers, connecting, writing
from agents.settings import SettingsError, load
from tests.secured import Authority


@pytest.fixture
def broker_elsewhere(bare_environment: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONTINUO_BROKER", "kafka:9093")
    return bare_environment


def tell(monkeypatch: pytest.MonkeyPatch, **settings: object) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"CONTINUO_{name.upper()}", str(value))


def mistakes() -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load()
    return [line.strip() for line in str(refused.value).splitlines()[1:]]


def test_without_a_word_a_kafka_is_talked_to_in_the_clear(bare_environment: Path) -> None:
    servers = load().bootstrap
    assert connecting(servers) == {"bootstrap_servers": "127.0.0.1:19092", "security_protocol": "PLAINTEXT"}
    assert connecting("kafka:9092") == {"bootstrap_servers": "kafka:9092", "security_protocol": "PLAINTEXT"}
    assert writing(servers)["compression_type"] is None


def test_a_user_and_a_certificate_are_shown_over_tls(broker_elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(broker_elsewhere)
    (broker_elsewhere / "secret").write_text("pa ss\n")
    tell(monkeypatch, tls="true", tls_ca_file=authority.file, tls_certificate_file=authority.sign("us"),
         sasl_mechanism="SCRAM-SHA-512", sasl_user="us", sasl_password_file="secret", compression="lz4")  # fmt: skip
    options = writing(load().bootstrap)
    assert options.pop("ssl_context").check_hostname
    assert options == {
        "bootstrap_servers": "kafka:9093", "security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "us", "sasl_plain_password": "pa ss", "compression_type": "lz4",
    }  # fmt: skip


def test_another_process_is_told_where_the_secrets_are_and_never_what(
    broker_elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (broker_elsewhere / "secret").write_text("hush")
    tell(monkeypatch, sasl_mechanism="SCRAM-SHA-256", sasl_user="us", sasl_password_file="secret")
    told = load().environment
    assert told["CONTINUO_SASL_PASSWORD_FILE"] == str(broker_elsewhere / "secret"), "it may run in another folder"
    assert "hush" not in "".join(told.values())


def test_how_to_talk_to_the_brokers_goes_with_their_addresses_to_another_process() -> None:
    servers = pickle.loads(pickle.dumps(Servers("kafka:9093", Security(tls=True))))
    assert (servers, servers.security) == ("kafka:9093", Security(tls=True))


def test_all_that_does_not_fit_together_is_told_at_once(
    broker_elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(monkeypatch, sasl_mechanism="PLAIN", sasl_password_file="nowhere", tls_key_file="key.pem")
    key, password = broker_elsewhere / "key.pem", broker_elsewhere / "nowhere"
    assert mistakes() == [
        "CONTINUO_TLS: expected true, because of CONTINUO_TLS_KEY_FILE",
        "CONTINUO_TLS_KEY_FILE: expected CONTINUO_TLS_CERTIFICATE_FILE too, the certificate that the key is of",
        f"CONTINUO_TLS_KEY_FILE: expected a file that can be read, got {key} (No such file or directory)",
        "CONTINUO_SASL_USER: expected a value, because of CONTINUO_SASL_MECHANISM, CONTINUO_SASL_PASSWORD_FILE",
        "CONTINUO_SASL_MECHANISM: expected CONTINUO_TLS=true with PLAIN, which sends the password as it is",
        f"CONTINUO_SASL_PASSWORD_FILE: expected a file that can be read, got {password} (No such file or directory)",
    ]


def test_files_that_hold_no_certificates_are_told(broker_elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (broker_elsewhere / "ca.pem").write_text("no certificate")
    tell(monkeypatch, tls="true", tls_ca_file="ca.pem")
    (told,) = mistakes()
    assert told.startswith("CONTINUO_TLS_CA_FILE: expected certificates and a key in PEM that belong together")


def test_the_embedded_kafka_is_not_asked_for_what_it_does_not_do(
    bare_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(monkeypatch, tls="true")
    (told,) = mistakes()
    assert "expected CONTINUO_BROKER too" in told


def test_every_client_of_kafka_is_made_in_one_place(root: Path) -> None:
    made = re.compile(r"AIOKafka(Consumer|Producer|Client|AdminClient)\(")
    sources = (root / "agents").rglob("*.py")
    assert [path.name for path in sources if made.search(path.read_text())] == ["clients.py"]
