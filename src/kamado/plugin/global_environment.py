"""The operator's environment: files of a folder that every stack's environment is laid over. Read once, when a process starts.

Called by `kamado.assemble` and `kamado validate`. As in Heat only the ``resource_registry`` of these files has an effect, and below a
user's own. The trap: a file that cannot be read or that names a template which is not there keeps the service from starting. A mapping
that silently is not there would make stacks of other things than the operator wants them made of.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from kamado.plugin.template_resource import ENDINGS, template_type
from kamado.template import Environment, TemplateInvalid

LOG = logging.getLogger(__name__)

SUFFIXES = (".yaml", ".yml", ".json")
"""How the name of a file ends that is read; others are left alone: editors and packages leave copies behind."""


@dataclass(frozen=True, slots=True)
class GlobalEnvironment:
    """``section`` is the ``resource_registry`` of all files; ``files`` are the templates that it names, by their file: URLs."""

    section: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


class GlobalEnvironmentInvalid(Exception):
    """A file of the folder cannot be used; the message says which, where and why."""


def read_global_environment(folder: Path) -> GlobalEnvironment:
    """All environment files of a folder, sorted by name, later ones over earlier ones; nothing when there is no such folder.

    :raises GlobalEnvironmentInvalid: a file cannot be read, is no environment, or names a template that cannot be used.
    """
    if not folder.is_dir():
        return GlobalEnvironment()
    merged = Environment()
    files: dict[str, str] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        if path.suffix not in SUFFIXES:
            LOG.warning("not read as an environment: its name ends in none of %s", ", ".join(SUFFIXES), extra=_at(path))
            continue
        environment = _read(path)
        for section in ("parameters", "parameter_defaults", "event_sinks"):
            if getattr(environment, section):
                LOG.warning("%s has no effect in a global environment, as in Heat", section, extra=_at(path))
        entries = _located(environment.registry, path)
        for url in _templates(entries):
            files.setdefault(url, _template(url, path))
        merged = merged.merge(Environment(registry=entries))
        LOG.info("global environment read", extra=_at(path))
    return GlobalEnvironment(merged.registry, files)


def _at(path: Path) -> dict[str, str]:
    return {"path": str(path)}


def _read(path: Path) -> Environment:
    try:
        return Environment.load(path.read_bytes(), file=str(path))
    except TemplateInvalid as error:
        raise GlobalEnvironmentInvalid("\n".join(problem.render() for problem in error.problems)) from error
    except OSError as error:
        raise GlobalEnvironmentInvalid(f"{path}: {error.strerror}") from error


def _located(section: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The section with its templates as file: URLs; a relative name is looked for beside the file that has it."""
    found: dict[str, Any] = {}
    for name, target in section.items():
        if isinstance(target, Mapping):
            found[name] = _located(target, path)
        elif isinstance(target, str) and target.endswith(ENDINGS):
            found[name] = _url(target, path)
        else:
            found[name] = target
    return found


def _url(target: str, path: Path) -> str:
    scheme = urlsplit(target).scheme
    if scheme == "file":
        return target
    if scheme:
        raise GlobalEnvironmentInvalid(f'{path}: "{target}" is not on this machine: the service fetches no templates')
    return (path.parent / target).resolve().as_uri()


def _templates(section: Mapping[str, Any]) -> Iterator[str]:
    for target in section.values():
        if isinstance(target, Mapping):
            yield from _templates(target)
        elif isinstance(target, str) and target.endswith(ENDINGS):
            yield target


def _template(url: str, path: Path) -> str:
    file = Path(unquote(urlsplit(url).path))
    try:
        text = file.read_text(encoding="utf-8")
        template_type(url, text, "")
    except (OSError, UnicodeDecodeError) as error:
        raise GlobalEnvironmentInvalid(f"{path}: the template {file} cannot be read: {error}") from error
    except TemplateInvalid as error:
        raise GlobalEnvironmentInvalid("\n".join(problem.render() for problem in error.problems)) from error
    return text
