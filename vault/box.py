"""Seals what is kept of a case with the case's own key: AES-256-GCM, bound to the key and to where it stands."""

import os
import zlib
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12
PLAIN, DEFLATED = b"\x01", b"\x02"
WORTH_DEFLATING = 512


class Unreadable(Exception):
    """It cannot be opened: another key, changed on its way, or moved from where it stood."""


class KeyDestroyed(Unreadable):
    """The key was destroyed: the case was erased, and nobody will ever read it again."""


@dataclass(frozen=True)
class Box:
    """The data key of one subject. `seal` and `open` take the place, so that nothing can be moved elsewhere."""

    key_id: str
    subject: str
    key: bytes = field(repr=False)

    def seal(self, clear: bytes, place: str) -> bytes:
        """Form (1 byte), nonce (12), ciphertext and tag (16)."""
        form = PLAIN
        if len(clear) > WORTH_DEFLATING:
            form, clear = DEFLATED, zlib.compress(clear, 1)
        nonce = os.urandom(NONCE)
        return form + nonce + AESGCM(self.key).encrypt(nonce, clear, self._bound(form, place))

    def open(self, sealed: bytes, place: str) -> bytes:
        """What was sealed there; Unreadable otherwise."""
        form, nonce, rest = sealed[:1], sealed[1 : 1 + NONCE], sealed[1 + NONCE :]
        try:
            clear = AESGCM(self.key).decrypt(nonce, rest, self._bound(form, place))
        except (InvalidTag, ValueError):
            raise Unreadable(f"sealed with another key, changed or moved: {place}") from None
        return zlib.decompress(clear) if form == DEFLATED else clear

    def _bound(self, form: bytes, place: str) -> bytes:
        return b"|".join((form, self.key_id.encode(), place.encode()))
