"""What the documents name exists: files, targets, commands and their flags."""

import re
import runpy
import subprocess
import sys
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/attribution.md",
    "docs/architecture.md",
    "docs/data-format.md",
    "docs/deployment.md",
    "docs/evaluation.md",
    "docs/events.md",
    "docs/filters.md",
    "docs/forget.md",
    "docs/merging.md",
    "docs/observability.md",
    "docs/operations.md",
    "docs/profiles.md",
    "docs/reliability.md",
    "docs/security.md",
    "docs/scale.md",
    "docs/serving.md",
    "docs/spark.md",
    "docs/variants.md",
    "examples/README.md",
)

_FENCE = re.compile(r"(?ms)^```(?P<kind>sh|console)\n(?P<lines>.*?)^```$")
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def links(markdown: str) -> list[str]:
    """The files of this repository that a document links to."""
    return _LINK.findall(markdown)


def command_lines(markdown: str) -> list[str]:
    """The commands in a document's shell blocks, without prompt and comment; output of a console is none."""
    lines = [
        line.removeprefix("$ ").partition("  #")[0].strip()
        for block in _FENCE.finditer(markdown)
        for line in block["lines"].splitlines()
        if line.startswith("$ ") or block["kind"] == "sh"
    ]
    return [line for line in lines if line]


def targets_named(markdown: str) -> set[str]:
    """The make targets that a document names, in its blocks or in its text."""
    in_text = re.findall(r"`make ([a-z-]+)", markdown)
    in_blocks = re.findall(r"(?m)^make ([a-z-]+)", "\n".join(command_lines(markdown)))
    return set(in_text) | set(in_blocks)


def read(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


@cache
def help_text(*command: str) -> str:
    """What a command says about itself; `python -m` here, where most of what it imports is there already."""
    if command[:2] == (sys.executable, "-m"):
        return _said_here(*command[2:], "--help")
    ran = subprocess.run([*command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    return ran.stdout


def _said_here(module: str, *arguments: str) -> str:
    said = StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        patch.setattr(sys, "argv", [module, *arguments])
        # Another test may have imported it, which a process of its own would not have.
        patch.delitem(sys.modules, f"{module}.__main__", raising=False)
        with pytest.raises(SystemExit) as ended:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    assert not ended.value.code
    return said.getvalue()


def program_of(line: str) -> tuple[str, ...] | None:
    """The program of ours, with its subcommand, that a line runs and that can be asked for help."""
    program: tuple[str, ...]
    words = line.split()
    if words[:2] == ["python", "-m"]:
        program, rest = (sys.executable, "-m", words[2]), words[3:]
    elif words[0] == "pinnersage":
        program, rest = (str(Path(sys.executable).with_name("pinnersage")),), words[1:]
    else:
        return None
    return (*program, *(word for word in rest[:1] if not word.startswith("-")))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    """Every link into the repository names a file that is there."""
    folder = (ROOT / document).parent
    assert [link for link in links(read(document)) if not (folder / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_make_targets_exist(document: str) -> None:
    """Every `make TARGET` that a document names is one."""
    makefile = read("Makefile")
    assert {target for target in targets_named(read(document)) if f"\n{target}:" not in makefile} == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_take_the_flags_they_are_shown_with(document: str) -> None:
    """Every command line of ours runs a program that knows each of its flags."""
    for line in command_lines(read(document)):
        program = program_of(line)
        if program is not None:
            known = set(_FLAG.findall(help_text(*program)))
            assert set(_FLAG.findall(line)) <= known, line


def test_the_readme_shows_every_command() -> None:
    """A reader meets all programs there."""
    shown = "\n".join(command_lines(read("README.md")))
    programs = ("index_builder build", "profile_builder calibrate", "profile_builder batch", "server --pins")
    assert [program for program in programs if f"python -m {program}" not in shown] == []
    assert {"make demo", "make test"} <= set(command_lines(read("README.md")))


def test_what_is_wrong_in_a_document_is_found() -> None:
    """Links, targets and commands are recognised where documents have them."""
    document = (
        "[a](docs/a.md) [web](https://a) [part](b.md#c) and `make nothing`\n"
        "```console\n$ make both  # of them\nmake: output, no command\n$ pinnersage profile --flag x\n```\n"
        "```sh\npython -m server --pins x\n```\n```python\nmake = 1\n```\n"
    )
    assert links(document) == ["docs/a.md", "b.md"]
    assert targets_named(document) == {"nothing", "both"}
    lines = command_lines(document)
    assert lines == ["make both", "pinnersage profile --flag x", "python -m server --pins x"]
    assert [(program_of(line) or ("none",))[-1] for line in lines] == ["none", "profile", "server"]
