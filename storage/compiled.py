"""Inner loops that are compiled where there is a C compiler; numpy does the same elsewhere, only slower."""

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

# What this process has asked for, and whether it was there.
_found: dict[str, bool] = {}


def compiled(module: str) -> ModuleType | None:
    """The compiled module of that dotted name, if it was built and PINNERSAGE_COMPILED is not 0.

    One that is older than the source beside it counts as not built: today it may be called otherwise.

    Raises:
        ImportError: The module was built, and cannot be loaded here.
    """
    _found[module] = os.environ.get("PINNERSAGE_COMPILED") != "0" and _is_built(module)
    return _loaded(module) if _found[module] else None


def all_compiled() -> bool:
    """Whether every module that this process has asked for was there."""
    return all(_found.values())


def _is_built(module: str) -> bool:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return False
    library = Path(spec.origin)
    source = library.with_name(f"{spec.name.rpartition('.')[2]}.pyx")
    return not source.exists() or source.stat().st_mtime_ns <= library.stat().st_mtime_ns


def _loaded(module: str) -> ModuleType:
    try:
        return import_module(module)
    except Exception as error:
        # Of another version numpy makes it an ImportError, a RuntimeError or a ValueError.
        raise ImportError(
            f"{module} was compiled, and cannot be loaded here: {error}. Compile it again (in a checkout: "
            "touch its .pyx, then make setup), or do without what is compiled: PINNERSAGE_COMPILED=0"
        ) from error
