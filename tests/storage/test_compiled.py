"""Inner loops: how they are compiled, when they are used, and what holds where they are not there."""

import os
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from storage.compiled import all_compiled, compiled
from tests.architecture.sources import ROOT
from tests.compiling import needs_a_compiler

LOOP = """\
cimport numpy as cnp

cnp.import_array()


def first(cnp.ndarray numbers):
    return (<int*>cnp.PyArray_DATA(numbers))[0]
"""


@pytest.fixture(autouse=True)
def _as_an_operator_leaves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PINNERSAGE_COMPILED", raising=False)


@pytest.fixture
def loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The source of a loop that anybody in this process could import."""
    monkeypatch.syspath_prepend(tmp_path)
    source = tmp_path / f"_loop_of_{tmp_path.name}.pyx"
    source.write_text(LOOP)
    return source


def compile_loops(*loops: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(ROOT / "compile.sh"), sys.executable, *map(str, loops)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def beside(source: Path) -> list[str]:
    """The endings of what lies in the source's folder."""
    return sorted(path.suffix for path in source.parent.iterdir() if path.is_file())


@needs_a_compiler
def test_a_loop_that_was_built_is_used(loop: Path) -> None:
    """It lies beside its source, nothing else is left there, and it is imported by its name."""
    ran = compile_loops(loop)
    assert ran.returncode == 0, ran.stderr
    assert beside(loop) == [".pyx", ".so"]
    assert compiled(loop.stem) is sys.modules[loop.stem]


@pytest.mark.slow
@needs_a_compiler
def test_the_same_source_becomes_the_same_bytes(loop: Path) -> None:
    """So that an image that is built again differs in nothing."""
    built = []
    for _ in range(2):
        assert compile_loops(loop).returncode == 0
        (library,) = loop.parent.glob("*.so")
        built.append(library.read_bytes())
    assert built[0] == built[1]


def test_a_loop_that_was_not_built_is_not_there(loop: Path) -> None:
    """A source alone is nothing that could be imported."""
    assert compiled(loop.stem) is None


def test_0_in_the_environment_does_without(loop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator who mistrusts what was built has numpy instead; anything else leaves it as it is."""
    loop.with_suffix(".py").write_text("")
    monkeypatch.setenv("PINNERSAGE_COMPILED", "0")
    assert compiled(loop.stem) is None
    monkeypatch.setenv("PINNERSAGE_COMPILED", "1")
    assert compiled(loop.stem) is not None


def test_a_process_knows_whether_it_does_without_any(loop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One loop that was asked for and is not there is enough."""
    monkeypatch.setattr("storage.compiled._found", {})
    loop.with_suffix(".py").write_text("")
    compiled(loop.stem)
    assert all_compiled()
    compiled("storage._of_no_such_name")
    assert not all_compiled()


def test_what_cannot_be_loaded_is_told(loop: Path) -> None:
    """A loop that was built and is broken is no loop that was never built; the message says what to do."""
    loop.with_suffix(".py").write_text("import nothing_of_that_name")
    with pytest.raises(ImportError, match=r"nothing_of_that_name.*make setup.*PINNERSAGE_COMPILED=0"):
        compiled(loop.stem)


def test_what_was_built_for_another_numpy_is_told(loop: Path) -> None:
    """Cython calls that a ValueError, which would look like one of ours."""
    loop.with_suffix(".py").write_text("raise ValueError('numpy.dtype size changed')")
    with pytest.raises(ImportError, match=f"{loop.stem} was compiled.*numpy.dtype size changed"):
        compiled(loop.stem)


def test_what_is_older_than_its_source_is_not_used(loop: Path) -> None:
    """Whoever takes a newer version and does not compile it has numpy, not yesterday's loop."""
    library = loop.with_suffix(".py")
    library.write_text("")
    now_ns = loop.stat().st_mtime_ns
    os.utime(library, ns=(now_ns, now_ns - 1))
    assert compiled(loop.stem) is None
    os.utime(library, ns=(now_ns, now_ns))
    assert compiled(loop.stem) is not None


@pytest.mark.parametrize(("source", "compiler"), [(LOOP, "nowhere"), (LOOP, "false"), ("def (", "true")])
def test_a_failure_leaves_nothing_that_is_older(loop: Path, source: str, compiler: str) -> None:
    """Without a compiler, or with a mistake in it, no loop of an older source answers."""
    loop.with_suffix(EXTENSION_SUFFIXES[0]).write_bytes(b"older")
    loop.write_text(source)
    assert compile_loops(loop, CC=compiler).returncode == 1
    assert beside(loop) == [".pyx"]


@needs_a_compiler
def test_one_that_fails_does_not_keep_the_others_from_being_built(loop: Path) -> None:
    """Each stands for itself."""
    broken = loop.with_name("_broken.pyx")
    broken.write_text("def (")
    assert compile_loops(broken, loop).returncode == 1
    assert compiled(loop.stem) is not None


@pytest.mark.skipif("CI" not in os.environ, reason="only where all is tried must every loop be compiled")
@pytest.mark.parametrize("source", sorted((*ROOT.glob("server/*.pyx"), *ROOT.glob("storage/**/*.pyx"))))
def test_every_loop_of_ours_is_compiled(source: Path) -> None:
    """What the tests say of the loops they say of compiled ones."""
    assert compiled(".".join(source.relative_to(ROOT).with_suffix("").parts)) is not None
