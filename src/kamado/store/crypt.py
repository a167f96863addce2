"""Secrets at rest: Fernet with a key derived from the configured text.

Called by the row codecs of this package only. An encrypted value is recognised by its look, ``enc:v1:<token>``, so reading
needs no flag; JSON text can never begin that way.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kamado.store.encoding import decode_json, encode_json, encode_map
from kamado.store.errors import KeyMissing, WrongKey

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

PREFIX = "enc:v1:"
MARK = "enc:v1"
HIDDEN_NAMES = "encrypted_param_names"
"""Key of an environment that lists the parameters whose values are hidden."""

_SECTIONS = ("parameters", "parameter_defaults")
_EMPTY: dict[str, Any] = {}


class Cipher:
    """Encrypts and decrypts texts and maps. Thread-safe; the key is derived (and cryptography imported) at first use.

    ``secret`` is any text; an empty one is accepted as long as nothing has to be encrypted.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._fernet: Fernet | None = None
        self._lock = threading.Lock()

    def encrypt(self, text: str) -> str:
        """``text`` as a self-describing token. Raises `KeyMissing` without a key."""
        return PREFIX + self._ready().encrypt(text.encode("utf-8", "surrogatepass")).decode("ascii")

    def decrypt(self, text: str) -> str:
        """The plain text of a token; any other text comes back as it is. Raises `WrongKey`."""
        if not text.startswith(PREFIX):
            return text
        from cryptography.fernet import InvalidToken

        try:
            return self._ready().decrypt(text[len(PREFIX) :]).decode("utf-8", "surrogatepass")
        except InvalidToken as error:
            raise WrongKey("a stored secret cannot be read with the configured key") from error

    def seal_map(self, value: Mapping[str, Any] | None) -> str | None:
        """A map as an encrypted JSON text; None and the empty map hold no secret and stay readable."""
        text = encode_map(value)
        return text if text is None or text == "{}" else self.encrypt(text)

    def open_map(self, text: str) -> dict[str, Any]:
        """The map of a JSON text, encrypted or not."""
        if text == "{}":
            return {}
        if text[0] != "{":
            text = self.decrypt(text)
        value: dict[str, Any] = decode_json(text)
        return value

    def seal_environment(self, environment: Mapping[str, Any]) -> str:
        """An environment as JSON text, the values of the parameters listed under `HIDDEN_NAMES` encrypted one by one."""
        names = environment.get(HIDDEN_NAMES)
        if names:
            environment = {**environment}
            for section in _SECTIONS:
                values = environment.get(section)
                if values:
                    environment[section] = {
                        name: [MARK, self.encrypt(encode_json(value))] if name in names else value
                        for name, value in values.items()
                    }
        return encode_map(environment) or "{}"

    def open_environment(self, text: str) -> dict[str, Any]:
        """The reverse of `seal_environment`."""
        environment = self.open_map(text)
        names = environment.get(HIDDEN_NAMES)
        if names:
            for section in _SECTIONS:
                values = environment.get(section) or _EMPTY
                for name in names:
                    value = values.get(name)
                    if isinstance(value, list) and len(value) == 2 and value[0] == MARK:
                        values[name] = decode_json(self.decrypt(value[1]))
        return environment

    def sign(self, text: str) -> str:
        """A keyed digest of a text, 24 hexadecimal characters: it tells nothing of the text without the key."""
        key = hashlib.sha256(b"kamado basis v1" + self._secret.encode()).digest()
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12, key=key).hexdigest()

    def _ready(self) -> Fernet:
        if self._fernet is None:
            with self._lock:
                if self._fernet is None:
                    self._fernet = self._derive()
        return self._fernet

    def _derive(self) -> Fernet:
        if not self._secret:
            raise KeyMissing("a secret has to be stored and no encryption key is configured")
        import base64

        from cryptography.fernet import Fernet
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"kamado store v1")
        return Fernet(base64.urlsafe_b64encode(derivation.derive(self._secret.encode())))
