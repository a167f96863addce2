"""The tour and the glossary speak of things that are there, and the tour stays short."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "kamado"
TOUR = (ROOT / "docs" / "tour.md").read_text()
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()

HOPS = sorted(set(re.findall(r"`([a-z_/]+\.py): ([\w.]+)`", TOUR)))


@lru_cache
def names(path: Path) -> frozenset[str]:
    """What a module defines: functions, classes, constants, and methods as Class.method."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            parts = (part for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef))
            found |= {f"{node.name}.{part.name}" for part in parts}
        if isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return frozenset(found)


@pytest.mark.parametrize(("path", "name"), HOPS, ids=[f"{path}:{name}" for path, name in HOPS])
def test_a_hop_of_the_tour_exists(path: str, name: str) -> None:
    assert name in names(SOURCE / path)


def test_the_tour_names_its_hops() -> None:
    assert len(HOPS) > 40
    assert {path.split("/")[0] for path, _ in HOPS} >= {
        "api", "orchestrator", "template", "store", "engine", "plugin", "resources", "cloud",
    }  # fmt: skip


def test_the_tour_has_less_than_two_pages() -> None:
    """A page has about 500 words."""
    assert len(TOUR.split()) < 1000


def test_code_words_of_the_glossary_exist() -> None:
    everything = set().union(*map(names, SOURCE.rglob("*.py")))
    members = {
        member for path in SOURCE.rglob("*.py") for member in re.findall(r"^    ([A-Z_]+) = ", path.read_text(), re.M)
    }
    words = re.findall(r"`([A-Z]\w+(?:\.\w+)?)`", GLOSSARY)
    assert len(words) > 10
    assert [word for word in words if word not in everything | members] == []


def test_each_word_is_explained_once() -> None:
    words = [word.strip() for entry in re.findall(r"^- \*\*(.+?)\*\*", GLOSSARY, re.M) for word in entry.split(",")]
    assert len(words) > 45
    assert [word for word in words if words.count(word) > 1] == []
