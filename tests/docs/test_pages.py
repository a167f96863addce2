"""The docs do not lag: links lead somewhere, tables are those of the code, commands exist, examples are good templates."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from tests.docs import generate
from tests.docs.generate import DOCS, ROOT

from kamado.cli.main import COMMANDS
from kamado.cli.up import up
from kamado.plugin.registry import Registry
from kamado.plugin.resource import Resource
from kamado.plugin.rest import RestResource
from kamado.template import Environment, PseudoParameters, check, load

README = ROOT / "README.md"
PAGES = [README, *sorted(DOCS.rglob("*.md"))]
EXAMPLES = sorted(path for path in (ROOT / "examples").rglob("*.yaml") if "heat_template_version" in path.read_text())
MAKEFILE = (ROOT / "Makefile").read_text()


def anchors(text: str) -> set[str]:
    """The names that headings of a page can be linked by."""
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there.read_text()), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_are_named_exist(page: Path) -> None:
    """In backquotes: paths below the repository, below the package, or of test folders."""
    for name in re.findall(r"`((?:tests|docs|etc|examples|src|benchmarks)/[\w./-]+)`", page.read_text()):
        assert (ROOT / name).exists(), name
    if page.parent.name == "decisions":
        where = re.findall(r"^Where: (.+?)(?:\n\n|\Z|Tests:)", page.read_text(), re.MULTILINE | re.DOTALL)
        for name in re.findall(r"`([a-z_/]+(?:\.py|/))`", " ".join(where)):
            assert (ROOT / "src" / "kamado" / name).exists(), name


@pytest.mark.parametrize("page", generate.pages(), ids=lambda page: page.name)
def test_generated_parts_are_up_to_date(page: Path) -> None:
    assert page.read_text() == generate.filled(page.read_text()), "run: python -m tests.docs.generate"


def test_every_part_has_a_page() -> None:
    assert sorted(
        found[2] for page in generate.pages() for found in generate.MARK.finditer(page.read_text())
    ) == sorted(generate.PARTS)


def test_every_decision_is_listed_and_says_why() -> None:
    listed = (DOCS / "decisions" / "README.md").read_text()
    for page in (DOCS / "decisions").glob("[0-9]*.md"):
        text = page.read_text()
        assert f"({page.name})" in listed, page.name
        assert text.startswith(f"# {page.name[:4]} "), page.name
        assert "**Rule.**" in text, page.name
        assert "**Reason.**" in text, page.name
        assert any(word in text for word in ("**Scar.**", "**Alternative.**")), page.name
        assert len(text.split()) < 450, f"{page.name} is longer than a page"


def test_every_class_level_word_is_explained() -> None:
    text = (DOCS / "plugins.md").read_text()
    said = set(re.findall(r"`(\w+)`", text))
    own = {
        name for cls in (Resource, RestResource, *RestResource.__mro__) for name in vars(cls).get("__annotations__", ())
    }
    assert {name for name in own if not name.startswith("_")} - said == set()


def test_words_of_the_vocabulary_are_in_the_table() -> None:
    text = (DOCS / "plugins.md").read_text()
    for module in generate.MODULES:
        for name in generate.words(module):
            assert re.search(rf"`{name}[`(]", text), name


# --- commands --------------------------------------------------------------------------------------------------------


def shell_lines(text: str) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [line[2:].split("#")[0].strip() for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def test_make_targets_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", "\n".join(shell_lines(README.read_text()))))
    named |= {word for page in PAGES for word in re.findall(r"`make ([a-z-]+)`", page.read_text())}
    assert {"demo", "test"} <= named <= targets


def test_commands_and_options_of_the_readme_exist() -> None:
    lines = [line for line in shell_lines(README.read_text()) if line.startswith("kamado ")]
    assert lines
    known = {option for parameter in up.params for option in parameter.opts}
    for line in lines:
        words = re.sub(r"--config-file \S+", "", line).split()[1:]
        assert words[0] in COMMANDS, line
        if words[0] == "up":
            assert {word for word in words if word.startswith("--")} <= known, line
    for option in re.findall(r"`(--[a-z-]+)`", README.read_text()):
        assert option in known | {"--help", "--config-file"}, option


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    assert any(re.search(rf"kamado (--config-file \S+ )?{command}\b", page.read_text()) for page in PAGES)


# --- examples --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_example_is_a_good_template(path: Path) -> None:
    beside = path.parent / "environment.yaml"
    environment = Environment.load(beside.read_text() if beside.exists() else None)
    template = load(path.read_text())
    parameters = template.bind(environment, PseudoParameters("shop", "0" * 36, "1" * 32, "RegionOne"))
    assert [str(problem) for problem in check(template, parameters, Registry.load(), environment)] == []


def test_all_examples_are_read() -> None:
    assert len(EXAMPLES) >= 2
    for path in (ROOT / "examples").rglob("*.yaml"):
        assert yaml.safe_load(path.read_text()), path


def test_templates_in_the_docs_are_good() -> None:
    blocks = [block for page in PAGES for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)]
    for block in blocks:
        if "heat_template_version" in block:
            load(block)


def test_the_copy_of_heats_surface_is_the_reference() -> None:
    """Clones that lie alone go by the copy."""
    copy = json.loads(generate.COPY.read_text())
    assert copy == generate.surface(), "run: python -m tests.docs.generate"
    assert len(copy["routes"]) > 60
    assert len(copy["types"]) > 200
