"""A plan in a file, to be applied later: the request that it is of, and the basis that the request is held to.

Written by `plan --out`, read by `apply`. The trap: the request holds parameters, secret ones too, so the file is its owner's only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

FORMAT = "kamado plan 1"


@dataclass(frozen=True, slots=True)
class Planned:
    """``method`` and ``path`` (below the project) of the request, its ``body`` with the plan's basis in it, and what was shown.

    ``stack``: its name; ``project_id``: whose it is.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None
    stack: str
    project_id: str
    plan: Mapping[str, Any]


def save(planned: Planned, file: Path) -> None:
    """Write it, readable for nobody else. Raises ClickException."""
    text = json.dumps({"format": FORMAT, **asdict(planned)}, indent=1, ensure_ascii=False, default=str)
    try:
        file.unlink(missing_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from error


def load(file: Path) -> Planned:
    """Read it. Raises ClickException for a file that is none of ours."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if found.pop("format") != FORMAT:
            raise KeyError("format")
        return Planned(**found)
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise click.ClickException(f"{file} is not a plan that kamado plan --out has written") from error
