"""Whoever follows the documentation gets where it says: every page, link, command and block."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from config.settings import PREFIX, Settings
from tests.support.documents import DOCS, Page, commands_in, misspelt, pages
from tests.support.processes import ROOT

#: Kinds of blocks. `sh` is executed (test_docs_shell.py), `console` is not, and says why not here.
KINDS = {"sh", "console", "toml", "yaml", "text", "json", "html", "ini", "sql"}
#: What begins a line that no test executes, and why.
NOT_EXECUTED = {
    "make": "builds environments and stacks; .ci/run runs those of the README",
    "git": "there is no repository to clone from in a test",
    "sudo": "changes the machine",
    "systemctl": "needs an init system; the units have tests of their own",
    "journalctl": "needs an init system",
    "apt": "changes the machine",
    "docker": "needs a daemon of containers; compose.yaml has tests of its own",
    "podman": "needs containers",
    "pg_dump": "needs programs of PostgreSQL; docs/backup.md has tests of its own",
    "pg_restore": "as pg_dump",
    "psql": "as pg_dump",
    "createdb": "as pg_dump",
    "alerta up": "goes on until Ctrl-C; test_the_daemon.py runs it",
    "alerta worker": "goes on until Ctrl-C",
    "alerta beat": "goes on until Ctrl-C",
    "alerta web": "goes on until Ctrl-C",
    "alerta port": "goes on until Ctrl-C",
    "alerta sandbox": "goes on until Ctrl-C; the test runs one",
    "alerta status": "with --watch it goes on until Ctrl-C",
    "alerta doctor": "exits with 1 where no daemon runs; test_the_doctor.py has its stories",
    "alerta keys rotate": "every process needs the new ring; has tests of its own",
}
_COMMAND = re.compile(
    r"^(alerta|make|curl|sudo|systemctl|docker|git|pg_dump|pip|apt) ", re.MULTILINE
)

by_name = pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """Return scripts/commands.py."""
    spec = importlib.util.spec_from_file_location("commands", ROOT / "scripts" / "commands.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# -- the reference of commands --------------------------------------------------------------------


def test_the_reference_of_commands_is_current(reference: ModuleType) -> None:
    """A command that changed is described as it is now."""
    written = (DOCS / "commands.md").read_text("utf-8")
    assert written == reference.page(), "docs/commands.md is not current; run: make docs"


def test_every_command_is_told_with_an_example_that_can_be_typed(reference: ModuleType) -> None:
    """No command is without a sentence and an example, and each example is of that command."""
    for words, command in reference.commands().items():
        text, example = reference.told(command)
        assert text, f"alerta {words} says nothing"
        typed = re.findall(r"`([^`]+)`", example)
        assert typed, f"alerta {words} has no example"
        for one in typed:
            line = next(commands_in(one))
            assert misspelt(line) is None, f"{one}: {misspelt(line)}"
            assert one.startswith(f"alerta {words}"), one


def test_every_command_has_its_chapter(reference: ModuleType) -> None:
    """Chapters name nothing that is not there, and nothing twice; the rest stands at the end."""
    there = {words.split()[0] for words in reference.commands()}
    named = [name for names in reference.CHAPTERS.values() for name in names]
    assert set(named) <= there
    assert len(named) == len(set(named))


# -- what pages say -------------------------------------------------------------------------------


@by_name
def test_no_page_names_a_command_or_option_that_is_not_there(page: Page) -> None:
    """Commands between backticks and in blocks are typed as they stand, so they are checked."""
    lines = [] if page.name == "docs/commands.md" else page.inline_code()
    for block in page.blocks():
        if block.info in {"sh", "console"}:
            lines += block.text.replace("\\\n", " ").splitlines()
    for line in lines:
        for command in commands_in(line):
            if command and command[0] == "alerta":
                assert misspelt(command) is None, f"{page.name}: {line}: {misspelt(command)}"


@by_name
def test_every_block_says_what_it_is(page: Page) -> None:
    """Commands stand in blocks that are executed, or in those that cannot be for a known reason."""
    for block in page.blocks():
        place = f"{page.name}:{block.line}"
        assert block.info in KINDS, f"{place}: a block is one of {', '.join(sorted(KINDS))}"
        if block.info not in {"sh", "console"}:
            assert not _COMMAND.search(block.text), f"{place}: commands belong into ```sh"
        if block.info == "console":
            lines = [f"{line} " for line in block.text.splitlines()]
            known = any(line.startswith(f"{one} ") for line in lines for one in NOT_EXECUTED)
            assert known, f"{place}: all of it can be executed, so let it be: ```sh"


@pytest.mark.parametrize("page", pages(decisions=True), ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Page) -> None:
    """Files that are linked are there, and so are the headings behind the #."""
    for target in page.links():
        if re.match(r"[a-z]+:", target):
            continue
        path, _, name = target.partition("#")
        there = (page.path.parent / path).resolve() if path else page.path
        assert there.exists(), f"{page.name}: {target} leads nowhere"
        if page.path.is_relative_to(DOCS) and not there.is_relative_to(DOCS):
            assert there.is_file(), f"{page.name}: {target}: the site can show files only"
        if name:
            assert name in Page(there).anchors(), f"{page.name}: {target}: there is no such heading"


def test_every_page_is_in_the_navigation() -> None:
    """Nobody has to guess a page's address; the decisions are listed by scripts/site_hooks.py."""
    with (ROOT / "mkdocs.yml").open(encoding="utf-8") as file:
        named = set(_leaves(yaml.safe_load(file)["nav"]))
    there = {
        str(page.path.relative_to(DOCS)) for page in pages() if page.path != ROOT / "README.md"
    }
    assert named == there


def _leaves(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    below = nav.values() if isinstance(nav, dict) else nav
    return [leaf for one in below for leaf in _leaves(one)]


@pytest.mark.parametrize("name", sorted(path.name for path in (DOCS / "es").glob("*.md")))
def test_twins_name_each_other(name: str) -> None:
    """Below their titles, and nowhere else has a page of one language to be looked for."""
    english, spanish = Page(DOCS / name), Page(DOCS / "es" / name)
    assert f"[Español](es/{name})" in english.text
    assert f"[English](../{name})" in spanish.text


@pytest.mark.parametrize(
    "name", ["install.md", "first-isp.md", "support.md", "operations.md", "runbook.md"]
)
def test_twins_have_the_same_blocks(name: str) -> None:
    """A command that changes is changed in both languages; only the English one is executed."""
    assert Page(DOCS / "es" / name).typed() == Page(DOCS / name).typed()


def test_the_readme_names_every_setting() -> None:
    """The table of settings is that of config/settings.py: none lacks, none is too many."""
    text = (ROOT / "README.md").read_text("utf-8")
    table = [line.split("|")[1] for line in text.splitlines() if line.startswith(f"| `{PREFIX}")]
    named = {name for cell in table for name in re.findall(rf"`{PREFIX}([A-Z_]+)`", cell)}
    assert {name.lower() for name in named} == set(Settings.model_fields)


def test_the_site_is_made_of_wheels_of_its_own() -> None:
    """What builds the site is in no lock that the daemon or the tests are installed from."""
    assert "mkdocs" in (ROOT / "requirements-site.lock").read_text("utf-8")
    assert "mkdocs" not in (ROOT / "requirements.lock").read_text("utf-8")


def test_no_page_is_forgotten_by_git() -> None:
    """Pages that were written are pages that are shipped."""
    listed = subprocess.run(
        ["git", "ls-files", "docs"], cwd=ROOT, capture_output=True, check=False, text=True
    )
    if listed.returncode:
        pytest.skip("no repository here")
    tracked = {ROOT / Path(line) for line in listed.stdout.splitlines()}
    assert {page.path for page in pages(decisions=True)} - {ROOT / "README.md"} <= tracked
