"""Reads the project's own Python files: which there are, and what they import."""

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Written by a generator: nobody's style, but the import rules hold there too.
GENERATED = (Path("client/pinnersage/v1"), Path("storage/v1"))
_NOT_OURS = frozenset({"build", "node_modules", "__pycache__"})


@dataclass(frozen=True, slots=True)
class Import:
    """One import: the module's dotted name, and the line."""

    module: str
    line: int

    @property
    def top(self) -> str:
        """The first part of the name."""
        return self.module.partition(".")[0]


def python_files(folder: Path = Path()) -> list[Path]:
    """Our Python files below a folder of the project, relative to its root."""
    found = []
    # What is not ours is not looked into: other tests and programs make and remove folders there meanwhile.
    for parent, folders, files in os.walk(ROOT / folder):
        folders[:] = [name for name in folders if _is_ours(name)]
        found += [Path(parent, name).relative_to(ROOT) for name in files if name.endswith(".py")]
    return sorted(found)


def is_generated(path: Path) -> bool:
    """Whether a generator wrote the file."""
    return any(path.is_relative_to(folder) for folder in GENERATED)


def read(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def imports(source: str) -> list[Import]:
    """Everything a module imports, at its top, inside its functions, or by a function and a literal name."""
    return [found for node in ast.walk(ast.parse(source)) for found in _imports_of(node)]


def _is_ours(folder: str) -> bool:
    return folder not in _NOT_OURS and not folder.startswith(".")


def _imports_of(node: ast.AST) -> Iterator[Import]:
    match node:
        case ast.Import(names=names):
            yield from (Import(name.name, node.lineno) for name in names)
        case ast.ImportFrom(module=module, level=level):
            yield Import("." * level + (module or ""), node.lineno)
        case ast.Call(func=function, args=[ast.Constant(value=str(module)), *_]):
            if _name(function) in {"import_module", "__import__", "compiled"}:
                yield Import(module, node.lineno)


def _name(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
