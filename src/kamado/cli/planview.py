"""A plan as people read it: a tree of what will be done, in order, marked and coloured like a difference. Pure.

Called by `plan` and `apply`; what it gets is the API's answer (`docs/plan.md`). The traps: values come from templates, so they are printed
as data, never as markup; and what the run decides must not look decided.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

MARKS: Mapping[str, tuple[str, str]] = {
    "create": ("+", "green"),
    "adopt": ("+", "green"),
    "update": ("~", "yellow"),
    "replace": ("-/+", "magenta"),
    "delete": ("-", "red"),
    "undecided": ("?", "cyan"),
}
"""What is done to a resource → its mark and colour; other actions have a dot."""
_OTHER = ("·", "blue")

WORDS: Mapping[str, str] = {"undecided": "decided in the run", "unchanged": "unchanged"}
LATER = "(known later)"
WAITS = "waits at a hook"
"""The reason for which something is shown that is not touched."""
UNKNOWN_INSIDE = "<unknown>"
"""What the API says for a part of a value that is only known later."""
LONGEST = 160
"""Characters of a value that are shown."""


def picture(plan: Mapping[str, Any]) -> RenderableType:
    """The whole plan, with its summary below."""
    name = plan["stack_name"] or "a new stack"
    tree = Tree(Text.assemble((f"{plan['action']} of ", "dim"), (name, "bold")), guide_style="dim")
    _steps(tree, plan)
    foot = Text(summary(plan), style="bold" if plan["has_changes"] else "green")
    return Group(tree, foot) if tree.children else foot


def summary(plan: Mapping[str, Any]) -> str:
    """One line: how much of what."""
    if not plan["has_changes"]:
        return f"Nothing to do: {plan['summary'].get('unchanged', 0)} unchanged."
    found = plan["summary"]
    words = [*(word for word in found if word not in WORDS), *(word for word in WORDS if word in found)]
    counts = [f"{found[word]} {WORDS.get(word, f'to {word}')}" for word in words if found[word]]
    return f"Plan: {', '.join(counts)}."


def _steps(tree: Tree, plan: Mapping[str, Any]) -> None:
    for step in plan["steps"]:
        if _is_shown(step):
            _step(tree, step)


def _is_shown(step: Mapping[str, Any]) -> bool:
    """Not what belongs to another step, and not what only concerns Kamado's own books."""
    if step["action"] == "delete":
        return not step["decided_at_run_time"] and step["reason"] != "was replaced"
    nested = step["nested"]
    if nested is not None and not step["changes"] and not nested["has_changes"] and step["action"] == "update":
        return False
    return bool(step["action"] != "keep" or step["decided_at_run_time"] or step["reason"] == WAITS)


def _step(tree: Tree, step: Mapping[str, Any]) -> None:
    kind = "undecided" if step["decided_at_run_time"] else step["action"]
    mark, colour = MARKS.get(kind, _OTHER)
    line = Text.assemble(
        (f"{mark} ", f"bold {colour}"), (step["resource"], "bold"), (f"  {_type(step['type'])}", "dim")
    )
    line.append(f"  {step['reason']}", style=colour)
    if step["decided_at_run_time"]:
        line.append(f": {_or(step['may_become'])}", style=colour)
    if step["because_of"]:
        line.append(f"  (because of {', '.join(step['because_of'])})", style="dim")
    if step["action"] == "delete":
        line.append(_stays(step), style="bold")
    node = tree.add(line)
    for change in step["changes"]:
        node.add(_change(change, step))
    if step["nested"] is not None:
        _steps(node, step["nested"])
    if step["nested_is_known_later"]:
        node.add(Text("what is inside is known later", style="dim italic"))


def _type(name: str) -> str:
    """Of a template as a type only the file's name: clients name files by whole URLs."""
    return name.rsplit("/", 1)[-1] if "://" in name else name


def _or(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _stays(step: Mapping[str, Any]) -> str:
    if step["external"] or step["deletion_policy"] == "Retain":
        return "  stays in the cloud"
    return "  after a snapshot" if step["deletion_policy"] == "Snapshot" else ""


def _change(change: Mapping[str, Any], step: Mapping[str, Any]) -> Text:
    path = ".".join(str(part) for part in change["path"])
    new = _value(change["new"], with_gaps=change["known_later"])
    if change["known_later"] and change["new"] is None:
        new = Text(LATER, style="italic cyan")
    text = Text.assemble((f"{path}: ", "dim"))
    if step["action"] not in ("create", "adopt") and not (change["old"] is None and step["action"] == "replace"):
        text.append_text(_value(change["old"])).append(" → ", style="dim")
    text.append_text(new)
    if change["replaces"]:
        text.append("  cannot be changed in place", style="magenta")
    return text


def _value(value: Any, *, with_gaps: bool = False) -> Text:
    """``with_gaps``: parts of it are only known later."""
    if value is None:
        return Text("none", style="dim")
    text = json.dumps(value, ensure_ascii=False)
    if with_gaps:
        text = text.replace(json.dumps(UNKNOWN_INSIDE), LATER)
    return Text(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")
