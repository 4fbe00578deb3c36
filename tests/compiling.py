"""What tests of compiled loops need: the loops, or a compiler."""

import os
import shutil
from types import ModuleType

import numpy as np
import pytest

from storage.compiled import compiled

# Where all is tried (CI is set) they fail without one, and do not skip.
needs_a_compiler = pytest.mark.skipif(
    not (shutil.which("cc") or "CI" in os.environ), reason="there is no C compiler"
)


def compiled_or_skip(module: str) -> ModuleType:
    """The compiled module of that name; without it the test is skipped."""
    built = compiled(module)
    if built is None:
        pytest.skip("nothing compiled here: make setup builds it, PINNERSAGE_COMPILED=0 leaves it out")
    return built


class Boasting(np.ndarray):
    """An array that says it is longer than it is."""

    def __len__(self) -> int:
        return super().__len__() + 1_000_000
