"""Makes `data/facts.json`, a compact copy of what the parity test needs from Heat's surface as data.

    python tests/types/make_facts.py path/to/reference/resource_types.json

Run again when the reference changes; clones that lie alone go by the copy.
"""

import json
import sys
from pathlib import Path

KEPT = ("kind", "support", "service", "physical_resource_name_limit", "properties", "attributes", "maps_to")


def compact(reference: dict) -> dict:
    """Only classes, only what is compared."""
    return {
        name: {key: entry[key] for key in KEPT if key in entry} | {"class": entry["class"].rpartition(".")[2]}
        for name, entry in reference["types"].items()
        if entry["kind"] == "class"
    }


def facts() -> dict:
    """The reference beside the repository when it is there, else the copy."""
    here = Path(__file__).resolve()
    beside = here.parents[3] / "shared" / "reference" / "resource_types.json"
    if beside.exists():
        return compact(json.loads(beside.read_text()))
    return json.loads((here.parent / "data" / "facts.json").read_text())


if __name__ == "__main__":
    target = Path(__file__).resolve().parent / "data" / "facts.json"
    target.write_text(
        json.dumps(compact(json.loads(Path(sys.argv[1]).read_text())), sort_keys=True, separators=(",", ":")) + "\n"
    )
