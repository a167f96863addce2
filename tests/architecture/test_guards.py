"""Guards of the structure: what makes a code base hard to change is counted here, and the exceptions are listed with their reason.

An exception is normal, a long list is the warning. Imports are guarded by import-linter (`make lint`).
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "kamado"

MODULES = {str(path.relative_to(SOURCE)): path.read_text() for path in sorted(SOURCE.rglob("*.py"))}
TREES = {name: ast.parse(text) for name, text in MODULES.items()}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(node: ast.AST) -> Iterator[Function]:
    return (child for child in ast.walk(node) if isinstance(child, Function))


def _classes() -> Iterator[tuple[str, ast.ClassDef]]:
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                yield f"{name}:{node.name}", node


def long_modules() -> set[str]:
    return {name for name, text in MODULES.items() if text.count("\n") > 600}


def classes_with_many_methods() -> set[str]:
    return {name for name, node in _classes() if sum(isinstance(part, Function) for part in node.body) > 20}


def classes_with_much_state() -> set[str]:
    found = set()
    for name, node in _classes():
        targets = (t for part in ast.walk(node) if isinstance(part, ast.Assign) for t in part.targets)
        annotated = (part.target for part in ast.walk(node) if isinstance(part, ast.AnnAssign))
        names = {
            target.attr
            for target in (*targets, *annotated)
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self"
        }
        if len(names) > 12:
            found.add(name)
    return found


def functions_with_many_parameters() -> set[str]:
    found = set()
    for name, tree in TREES.items():
        for function in _functions(tree):
            arguments = function.args
            count = len([a for a in arguments.posonlyargs + arguments.args if a.arg not in ("self", "cls")])
            if count + len(arguments.kwonlyargs) > 8:
                found.add(f"{name}:{function.name}")
    return found


def calls_by_built_name() -> set[str]:
    found = set()
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("getattr", "setattr")
                and len(node.args) > 1
                and isinstance(node.args[1], ast.JoinedStr)
            ):
                found.add(name)
    return found


def words_of_unfinished_work() -> set[str]:
    return {
        name
        for name, text in MODULES.items()
        if any(word in text for word in ("TODO", "FIXME", "XXX", "NotImplementedError"))
    }


EXCEPTIONS: Mapping[Callable[[], set[str]], Mapping[str, str]] = {
    long_modules: {},
    classes_with_many_methods: {},
    classes_with_much_state: {},
    functions_with_many_parameters: {
        "localcloud/server.py:__init__": "options of a whole cloud, all but the first four by keyword, none needed",
    },
    calls_by_built_name: {
        "plugin/lifecycle.py": "handlers are found by Heat's names; the one place that does",
        "localcloud/server.py": "the framework wants one on_<verb> a verb",
        "api/app.py": "the framework wants one on_<verb> a verb",
        "cfn/app.py": "the framework wants one on_<verb> a verb",
    },
    words_of_unfinished_work: {},
}
"""Guard → what may break it, and why."""


@pytest.mark.parametrize("guard", EXCEPTIONS, ids=lambda guard: guard.__name__)
def test_structure(guard: Callable[[], set[str]]) -> None:
    found = guard()
    allowed = EXCEPTIONS[guard].keys()
    assert found - allowed == set(), "change the structure, or add an exception with its reason"
    assert allowed - found == set(), "an exception that is no longer needed"


def test_nothing_of_ours_is_patched_in_tests() -> None:
    words = ("unittest.mock", "import mock", "patch.object(", "monkeypatch.setattr(")
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("*.py")
        if path != Path(__file__) and any(word in path.read_text() for word in words)
    }
    assert found == set()
