"""The vault: what is sealed under a person's key opens with that key, and is the same bytes every time."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag

from agents.vault import KEY_BYTES, PersonalVault


def test_what_was_sealed_opens_with_the_persons_key_and_decision_only() -> None:
    vault = PersonalVault()
    key, other = vault.new_key("p"), vault.new_key("p")
    sealed = vault.seal(key, b"features", "d1")
    assert b"features" not in sealed
    assert PersonalVault().open(key, sealed, "d1") == b"features"
    for wrong_key, decision_id in ((other, "d1"), (key, "d2")):
        with pytest.raises(InvalidTag):
            vault.open(wrong_key, sealed, decision_id)


def test_sealing_twice_gives_the_same_bytes() -> None:
    vault = PersonalVault()
    key = vault.new_key("p")
    assert vault.seal(key, b"features", "d1") == vault.seal(key, b"features", "d1")
    assert vault.seal(key, b"features", "d1") != vault.seal(key, b"features", "d2")


def test_keys_are_drawn_unless_a_seed_makes_them_the_same_in_every_run() -> None:
    assert len(PersonalVault().new_key("p")) == KEY_BYTES
    assert PersonalVault().new_key("p") != PersonalVault().new_key("p")
    assert PersonalVault(b"seed").new_key("p") == PersonalVault(b"seed").new_key("p")
    assert PersonalVault(b"seed").new_key("p") != PersonalVault(b"seed").new_key("q")


def test_ciphers_are_kept_for_a_bounded_number_of_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.vault.CIPHERS_MAX", 2)
    vault = PersonalVault()
    sealed = {key: vault.seal(key, b"features", "d") for key in (bytes([n]) * KEY_BYTES for n in range(5))}
    assert len(vault._ciphers) <= 2
    assert all(vault.open(key, value, "d") == b"features" for key, value in sealed.items())
