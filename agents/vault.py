"""Keys of persons: each person's own, and the sealing of what a decision record holds of that person.

AES-GCM with a nonce derived from the decision: one key seals one plaintext per decision, so no nonce comes twice under
a key, and the same decision seals to the same bytes. Whoever deletes the key has erased what it sealed, and no hash
over the sealed bytes changes.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 16
NONCE_BYTES: Final = 12
CIPHERS_MAX: Final = 20_000  # as many as rows are kept warm


class PersonalVault:
    """Makes keys, seals and opens; `seed` makes the keys of a lockstep run the same every time, and guessable."""

    def __init__(self, seed: bytes = b"") -> None:
        self._seed: Final = seed
        self._ciphers: dict[bytes, AESGCM] = {}

    def new_key(self, profile_id: str) -> bytes:
        """Return a new key for a person."""
        if self._seed:
            return hmac.digest(self._seed, profile_id.encode(), "sha256")[:KEY_BYTES]
        return os.urandom(KEY_BYTES)

    def seal(self, key: bytes, plaintext: bytes, decision_id: str) -> bytes:
        """Encrypt; the same three arguments give the same bytes."""
        return self._cipher(key).encrypt(_nonce(decision_id), plaintext, None)

    def open(self, key: bytes, sealed: bytes, decision_id: str) -> bytes:
        """Decrypt; raises `cryptography.exceptions.InvalidTag` if the key or a byte is not the one that sealed."""
        return self._cipher(key).decrypt(_nonce(decision_id), sealed, None)

    def _cipher(self, key: bytes) -> AESGCM:
        cipher = self._ciphers.get(key)
        if cipher is None:
            if len(self._ciphers) >= CIPHERS_MAX:
                self._ciphers.clear()
            cipher = self._ciphers[key] = AESGCM(key)
        return cipher


def _nonce(decision_id: str) -> bytes:
    return hashlib.sha256(decision_id.encode()).digest()[:NONCE_BYTES]
