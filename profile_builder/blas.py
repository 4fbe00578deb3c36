"""The environment that makes numpy's BLAS fast in a worker process; it changes no bit of a profile.

Distances are exact, so neither the number of threads nor the kernel matters to the result.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# Threads would only fight over the cores that the processes share.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

_KERNEL = "OPENBLAS_CORETYPE"
_NEEDED = frozenset({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"})
_CPUINFO = Path("/proc/cpuinfo")


def worker_environment(
    environment: Mapping[str, str] = os.environ, cpuinfo: Path = _CPUINFO
) -> Mapping[str, str]:
    """The variables to set before numpy is loaded.

    OpenBLAS 0.3.31 does not know AMD's Zen 5 and takes the kernels of 2013 for it; those that use all of its
    width take 0.6 times as long. A kernel that somebody chose stays.
    """
    if _KERNEL in environment or not _has_unknown_width(cpuinfo):
        return _ONE_THREAD
    return _ONE_THREAD | {_KERNEL: "SkylakeX"}


@contextmanager
def for_workers() -> Iterator[None]:
    """Processes spawned meanwhile have that environment."""
    wanted = worker_environment()
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _has_unknown_width(cpuinfo: Path) -> bool:
    """Whether this is an AMD processor with all that the wide kernels need."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    says = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return says.get("vendor_id") == "AuthenticAMD" and set(says.get("flags", "").split()) >= _NEEDED
