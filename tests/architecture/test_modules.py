"""What every module of the project keeps to."""

import ast
from collections.abc import Iterable
from pathlib import Path

from tests.architecture.sources import is_generated, python_files, read


def without_purpose(modules: Iterable[tuple[str, str]]) -> list[str]:
    """The modules, given as (path, source), that do not open with a sentence."""
    return [path for path, source in modules if not (ast.get_docstring(ast.parse(source)) or "").strip()]


def blocks_the_namespace(paths: Iterable[Path]) -> list[Path]:
    """The files that would make `pinnersage` a package of one owner."""
    return [path for path in paths if path.name == "__init__.py" and path.parent.name == "pinnersage"]


def test_every_module_opens_with_its_purpose() -> None:
    """A reader learns from the first line of any file why it exists."""
    ours = [path for path in python_files() if not is_generated(path)]
    assert without_purpose((str(path), read(path)) for path in ours) == []


def test_a_module_without_a_purpose_is_found() -> None:
    """A comment is not a docstring, nor is an empty one."""
    modules = [
        ("good.py", '"""Counts pins."""\nN = 1'),
        ("comment.py", "# Counts pins.\nN = 1"),
        ("empty.py", '""" """'),
    ]
    assert without_purpose(modules) == ["comment.py", "empty.py"]


def test_pinnersage_stays_a_namespace() -> None:
    """`pinnersage` is a PEP 420 namespace: an __init__.py in it would hide every other owner's part."""
    assert blocks_the_namespace(python_files()) == []


def test_a_package_file_in_the_namespace_is_found() -> None:
    """Only the namespace itself must stay bare; the packages in it have their __init__.py."""
    paths = [Path("client/pinnersage/__init__.py"), Path("client/pinnersage/client/__init__.py")]
    assert blocks_the_namespace(paths) == paths[:1]
