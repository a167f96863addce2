"""Writes what the docs say of the code from the code: `python -m tests.docs.generate`.

The parts stand between `<!-- generated: NAME -->` and `<!-- end -->` in the files of `docs/`; a test fails when one of them lags.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import yaml
from tests.template.tables import CASES, cases

from kamado import settings
from kamado.api.routes import ROUTES
from kamado.cli.main import COMMANDS
from kamado.plugin import declare, rules, side_calls
from kamado.plugin.registry import Registry

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = ROOT.parent / "shared" / "reference"
COPY = Path(__file__).parent / "data" / "heat.json"
MARK = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


# --- settings ------------------------------------------------------------------------------------------------------


def option_rows() -> Iterator[str]:
    for group, options in settings._GROUPS.items():
        yield f"\n### [{group}]\n"
        yield row("option", "default", "what it says")
        yield row("---", "---", "---")
        for option in options:
            default = "" if option.default in (None, []) else f"`{option.default}`"
            yield row(f"`{option.name}`", default, option.help)


# --- the vocabulary of resource types --------------------------------------------------------------------------------

MODULES: tuple[ModuleType, ...] = (declare, rules, side_calls)


def words(module: ModuleType) -> dict[str, Any]:
    """What a module offers under its own name: classes, functions, constants."""
    found = {}
    for name, value in vars(module).items():
        own = getattr(value, "__module__", None) == module.__name__
        if name.startswith("_") or isinstance(value, ModuleType | TypeVar):
            continue
        if own or (name.isupper() and name != "TYPE_CHECKING" and type(value).__module__.startswith("kamado")):
            found[name] = value
    return found


def prose(value: Any) -> str:
    """A docstring as Markdown."""
    return re.sub(r"``([^`]+)``|`([^`]+)`", r"`\1\2`", inspect.getdoc(value) or "").strip()


def signature(value: Any) -> str:
    if dataclasses.is_dataclass(value) and "init=False" not in inspect.getsource(value).split("class ")[0]:
        return ", ".join(_field(field) for field in dataclasses.fields(value))
    if getattr(value, "_is_protocol", False):
        return ""
    if inspect.isclass(value) and "__init__" in vars(value):
        parameters = list(inspect.signature(value.__init__).parameters.values())[1:]
        return ", ".join(str(one.replace(annotation=inspect.Parameter.empty)) for one in parameters)
    if inspect.isfunction(value):
        parameters = list(inspect.signature(value).parameters.values())
        return ", ".join(str(one.replace(annotation=inspect.Parameter.empty)) for one in parameters)
    return ""


def _field(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        default = field.default
        return f"{field.name}={default.name if isinstance(default, declare.Enum) else repr(default)}"
    return f"{field.name}={{}}" if field.default_factory is not dataclasses.MISSING else field.name


def vocabulary_rows() -> Iterator[str]:
    for module in MODULES:
        yield f"\n### {module.__name__}\n"
        yield row("word", "what it means")
        yield row("---", "---")
        constants: dict[str, list[str]] = {}
        for name, value in words(module).items():
            if name.isupper():
                constants.setdefault(type(value).__name__, []).append(f"`{name}`")
                continue
            inside = signature(value)
            yield row(f"`{name}({inside})`" if inside else f"`{name}`", " ".join(prose(value).split()))
        for kind, names in constants.items():
            yield row(", ".join(names), f"Values of `{kind}`.")


# --- what is not there yet -------------------------------------------------------------------------------------------


def surface() -> Mapping[str, Any]:
    """Of Heat's surface: routes and types. The reference beside the repository when it is there, else our copy of it."""
    if not REFERENCE.exists():
        return dict(json.loads(COPY.read_text()))
    routes = json.loads((REFERENCE / "api_routes.json").read_text())["rest"]
    types = json.loads((REFERENCE / "resource_types.json").read_text())["types"]
    return {
        "routes": [[route["method"], route["path"]] for route in routes],
        "types": {
            name: entry["support"]["status"] for name, entry in sorted(types.items()) if entry["kind"] == "class"
        },
    }


def our_paths() -> set[tuple[str, str]]:
    """Our routes in the spelling of the reference."""
    found = {(route.verb, route.path) for route in ROUTES}
    return {(verb, path.replace("/arn/{arn}", "/stacks/{stack_name:arn:.*}")) for verb, path in found}


def _spelled_out(path: str) -> Iterator[str]:
    """The reference names several literal ends of one path at once."""
    several = re.search(r"\{path:([a-z_|]+)\}", path)
    if several is None:
        yield path
    else:
        yield from (path.replace(several[0], part) for part in several[1].split("|"))


def missing_routes() -> list[str]:
    ours = our_paths()
    wanted = [(verb, each) for verb, path in surface()["routes"] for each in _spelled_out(path)]
    return [f"{verb} {path.removeprefix('/v1/{tenant_id}')}" for verb, path in wanted if (verb, path) not in ours]


def missing_types() -> dict[str, list[str]]:
    """By support status, the types of Heat that the registry does not have."""
    ours = set(Registry.load().names())
    found: dict[str, list[str]] = {}
    for name, status in surface()["types"].items():
        if name not in ours:
            found.setdefault(status, []).append(name)
    return found


def missing_rows() -> Iterator[str]:
    yield f"\n**Routes** ({len(missing_routes())} of {len(surface()['routes'])} in Heat):\n"
    yield from (f"- `{route}`" for route in missing_routes())
    total = len(surface()["types"])
    for status, names in sorted(missing_types().items(), key=lambda item: -len(item[1])):
        yield f"\n**Types, {status.lower()}** ({len(names)}; Heat has {total} in all):\n"
        families: dict[str, list[str]] = {}
        for name in names:
            family, _, last = name.rpartition("::")
            families.setdefault(family, []).append(last)
        yield from (f"- `{family}::` {', '.join(members)}" for family, members in sorted(families.items()))


def command_rows() -> Iterator[str]:
    yield row("command", "what it does")
    yield row("---", "---")
    yield from (row(f"`kamado {name}`", line) for name, (_, line) in COMMANDS.items())


def language_rows() -> Iterator[str]:
    """The rows of the language's tables whose answer is not Heat's, by the reason that they give."""
    found: dict[str, list[str]] = {}
    for path in sorted(CASES.glob("*.yaml")):
        for case in cases(path.name):
            reason = case.get("differs") or case.get("unsteady")
            if reason:
                found.setdefault(reason, []).append(_asked(case))
    yield row("why Kamado says something else", "asked")
    yield row("---", "---")
    yield from (
        row(reason, ", ".join(f"`{asked}`" for asked in dict.fromkeys(asked_for)))
        for reason, asked_for in found.items()
    )


def _asked(case: Mapping[str, Any]) -> str:
    """What a row asks, without the template around it that all have."""
    if "environment" in case or "files" in case:
        asked = {key: case[key] for key in ("environment", "files", "given", "resource") if key in case}
    else:
        asked = next(case[key] for key in ("value", "call", "schema", "template") if key in case)
    if "template" in case:
        sections = {key: value for key, value in asked.items() if "ersion" not in key}
        asked = {key: value for key, value in sections.items() if key.lower() != "resources"} or sections
    return yaml.dump(asked, default_flow_style=True, width=1000, allow_unicode=True, sort_keys=False).strip()


PARTS: Mapping[str, Callable[[], Iterator[str]]] = {
    "settings": option_rows,
    "vocabulary": vocabulary_rows,
    "not-there-yet": missing_rows,
    "commands": command_rows,
    "language-differences": language_rows,
}


def filled(text: str) -> str:
    """A page with its generated parts as they should be."""
    return MARK.sub(lambda found: f"{found[1]}{chr(10).join(PARTS[found[2]]()).strip(chr(10))}\n{found[3]}", text)


def pages() -> list[Path]:
    """The pages that have generated parts."""
    return [path for path in sorted(DOCS.rglob("*.md")) if "<!-- generated: " in path.read_text()]


if __name__ == "__main__":
    if REFERENCE.exists():
        COPY.parent.mkdir(exist_ok=True)
        COPY.write_text(json.dumps(surface(), separators=(",", ":"), sort_keys=True) + "\n")
    for page in pages():
        page.write_text(filled(page.read_text()))
