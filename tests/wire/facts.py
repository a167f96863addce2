"""What Heat's 61 routes take and answer: read from the reference beside the repository, else from our copy of what is used here.

`python -m tests.wire.facts` writes the copy anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "api_routes.json"
COPY = Path(__file__).parent / "data" / "routes.json"
_KEPT = ("method", "path", "query", "filters", "success", "response", "errors")


def reduced() -> list[dict[str, Any]]:
    """The routes of the reference with what is used here."""
    routes = json.loads(REFERENCE.read_text())["rest"]
    return [{key: route[key] for key in _KEPT if key in route} for route in routes]


def routes() -> list[dict[str, Any]]:
    """The routes."""
    found: list[dict[str, Any]] = json.loads(COPY.read_text())
    return found


if __name__ == "__main__":
    COPY.parent.mkdir(exist_ok=True)
    COPY.write_text(json.dumps(reduced(), indent=1) + "\n")
