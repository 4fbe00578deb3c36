"""Inner loops that are compiled where there is a C compiler; numpy does the same elsewhere, only slower."""

import os
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


def compiled(module: str) -> ModuleType | None:
    """The compiled module of that dotted name, if it was built and PINNERSAGE_COMPILED is not 0.

    Raises:
        ImportError: The module was built, and cannot be loaded here.
    """
    if os.environ.get("PINNERSAGE_COMPILED") == "0" or find_spec(module) is None:
        return None
    return import_module(module)
