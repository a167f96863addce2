"""Certificates of authorities that users name, as files: the library that speaks TLS takes no other form.

One file for each text, as long as the process lives.
"""

from __future__ import annotations

import atexit
import os
import tempfile
import threading
from pathlib import Path

_FILES: dict[str, str] = {}
_LOCK = threading.Lock()


def certificate_file(text: str) -> str:
    """The path of a file with these certificates (PEM)."""
    with _LOCK:
        found = _FILES.get(text)
        if found is None:
            handle, found = tempfile.mkstemp(prefix="kamado-ca-", suffix=".pem")
            with os.fdopen(handle, "w") as file:
                file.write(text)
            atexit.register(Path(found).unlink, missing_ok=True)
            _FILES[text] = found
        return found
