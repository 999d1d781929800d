"""Signed webhooks, as standardwebhooks.com has them: HMAC-SHA256 over the id, the time and the body."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

ID: Final = "webhook-id"
TIME: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"
TOLERANCE_S: Final = 300  # what is older may be somebody's who has overheard it
SECRET: Final = "whsec_"  # noqa: S105  # what every secret begins with
SECRET_BYTES_MIN: Final = 24


def has_signature(headers: Mapping[str, str]) -> bool:
    """Tell whether a request is to be known by its signature."""
    return SIGNATURE in headers


class Signer:
    """Whoever has this secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret: Final = secret

    @staticmethod
    def secret(text: str) -> bytes:
        """Return the bytes of a secret as it is written; raises ValueError."""
        found = base64.b64decode(text.strip().removeprefix(SECRET), validate=True)
        if len(found) < SECRET_BYTES_MIN:
            message = f"{len(found)} bytes"
            raise ValueError(message)
        return found

    def has_signed(self, headers: Mapping[str, str], body: bytes, now_s: float) -> bool:
        """Tell whether this webhook made the request, a short time ago."""
        told, at = headers.get(ID, ""), headers.get(TIME, "")
        if not (at.isascii() and at.isdigit() and len(at) < 16 and abs(now_s - int(at)) <= TOLERANCE_S):
            return False
        signed = f"{told}.{at}.".encode("utf-8", "surrogateescape") + body
        wanted = base64.b64encode(hmac.digest(self._secret, signed, hashlib.sha256))
        came = [one.partition(",") for one in headers[SIGNATURE].split(" ")]
        return any(
            version == "v1" and hmac.compare_digest(wanted, text.encode("utf-8", "surrogateescape"))
            for version, _, text in came
        )
