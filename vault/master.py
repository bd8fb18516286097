"""The master key, which wraps every data key. Held by a key service, or by the environment; never in the database."""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.box import NONCE, Unreadable

BYTES = 32


class Master(Protocol):
    """What a key service (KMS) does for us. Called from a thread: it may take its time, and go over the network."""

    @property
    def current(self) -> str:
        """The name of the key that wraps now."""

    def wrap(self, key: bytes, about: str) -> bytes:
        """Wrap a data key under the current master key; `about` is bound to it."""

    def unwrap(self, name: str, wrapped: bytes, about: str) -> bytes:
        """The data key again; Unreadable when that master key is gone or something was changed."""


class LocalMaster:
    """Master keys held by this process. The first one wraps; the others are kept to unwrap what they wrapped."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys or any(len(key) != BYTES for key in keys.values()):
            raise ValueError(f"at least one master key, each of {BYTES} bytes")
        self.keys = {name: AESGCM(key) for name, key in keys.items()}
        self.current = next(iter(keys))

    @classmethod
    def parse(cls, text: str) -> "LocalMaster":
        """Of `name:base64`, several parted by commas, the newest first; ValueError says what is wrong, not the key."""
        keys: dict[str, bytes] = {}
        for part in filter(None, re.split(r"[,\s]+", text)):
            name, _, encoded = part.partition(":")
            try:
                key = base64.b64decode(encoded, validate=True)
            except binascii.Error:
                key = b""
            if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name) or len(key) != BYTES or name in keys:
                raise ValueError(f"wanted: name:base64 of {BYTES} random bytes, parted by commas, each name once")
            keys[name] = key
        return cls(keys)

    @staticmethod
    def new(name: str) -> str:
        """A new master key as `parse` takes it."""
        return f"{name}:{base64.b64encode(os.urandom(BYTES)).decode()}"

    def wrap(self, key: bytes, about: str) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + self.keys[self.current].encrypt(nonce, key, about.encode())

    def unwrap(self, name: str, wrapped: bytes, about: str) -> bytes:
        if name not in self.keys:
            raise Unreadable(f"the master key {name} is not here")
        try:
            return self.keys[name].decrypt(wrapped[:NONCE], wrapped[NONCE:], about.encode())
        except InvalidTag:
            raise Unreadable(f"a data key is not the one that {name} wrapped") from None
