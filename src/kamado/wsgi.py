"""The REST API for WSGI servers that make their own processes: `gunicorn kamado.wsgi:application`, uWSGI's `module`.

KAMADO_CONFIG_FILES names the files that `kamado --config-file` would be given, separated by colons; without it oslo.config's usual
places are searched. The trap: such a server loads this module before it forks, so nothing is made before the first request: connections
and threads belong to the process that made them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

_lock = threading.Lock()
_made: dict[int, Callable[..., Iterable[bytes]]] = {}


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The WSGI callable; makes the API of this process when it is first called."""
    made = _made.get(os.getpid())
    if made is None:
        with _lock:
            made = _made.get(os.getpid()) or _make()
    return made(environ, start_response)


def _make() -> Callable[..., Iterable[bytes]]:
    from kamado import assemble, logs, settings

    read = settings.load(config_files())
    logs.set_up_logging(read)
    made = _made[os.getpid()] = assemble.Parts(read).api()
    return made


def config_files() -> list[str]:
    """What KAMADO_CONFIG_FILES names, else what oslo.config finds of a project called kamado."""
    named = os.environ.get("KAMADO_CONFIG_FILES", "")
    if named:
        return [name for name in named.split(":") if name]
    from kamado.settings import usual_config_files

    return usual_config_files()
