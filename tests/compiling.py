"""What tests of compiled loops need; where all is tried (CI is set) they fail without it, and do not skip."""

import os
import shutil

import numpy as np
import pytest

needs_a_compiler = pytest.mark.skipif(
    not (shutil.which("cc") or "CI" in os.environ), reason="there is no C compiler"
)


class Boasting(np.ndarray):
    """An array that says it is longer than it is."""

    def __len__(self) -> int:
        return super().__len__() + 1_000_000
