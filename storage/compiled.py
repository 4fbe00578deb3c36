"""Inner loops that are compiled where there is a C compiler; numpy does the same elsewhere, only slower."""

import os
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

# What this process has asked for, and whether it was there.
_found: dict[str, bool] = {}


def compiled(module: str) -> ModuleType | None:
    """The compiled module of that dotted name, if it was built and PINNERSAGE_COMPILED is not 0.

    Raises:
        ImportError: The module was built, and cannot be loaded here.
    """
    _found[module] = os.environ.get("PINNERSAGE_COMPILED") != "0" and find_spec(module) is not None
    return import_module(module) if _found[module] else None


def all_compiled() -> bool:
    """Whether every module that this process has asked for was there."""
    return all(_found.values())
