"""Secrets at rest: salted scrypt with the smallest useful cost, because a laptop's local cloud must answer in a millisecond.

Called by users, application credentials and the password method of authentication. The trap: these hashes are *not*
meant to protect anything valuable; the local cloud is a stand-in.
"""

import hashlib
import hmac
import secrets

_COST = {"n": 16, "r": 8, "p": 1}


def digest(secret: str) -> str:
    """The secret as it is stored: `salt$hash`, both in hex."""
    salt = secrets.token_bytes(8)
    return f"{salt.hex()}${hashlib.scrypt(secret.encode(), salt=salt, **_COST, dklen=16).hex()}"


def verify(secret: str, stored: str) -> bool:
    """Whether the secret is the one that was stored."""
    salt, _, expected = stored.partition("$")
    if not expected:
        return False
    actual = hashlib.scrypt(secret.encode(), salt=bytes.fromhex(salt), **_COST, dklen=16).hex()
    return hmac.compare_digest(actual, expected)
