"""Workers get one thread each, and the widest kernels that their processor surely has."""

import os
from pathlib import Path

import pytest

from profile_builder.blas import for_workers, worker_environment

WIDE = "fma avx512f avx512cd avx512bw avx512dq avx512vl"


def kernel_of(tmp_path: Path, vendor: str, flags: str, **environment: str) -> str | None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: {flags}\n")
    return worker_environment(environment, cpuinfo).get("OPENBLAS_CORETYPE")


@pytest.mark.parametrize(
    ("vendor", "flags", "kernel"),
    [
        ("AuthenticAMD", WIDE, "SkylakeX"),
        ("AuthenticAMD", WIDE.replace("avx512dq ", ""), None),
        ("AuthenticAMD", "fma avx2", None),
        ("GenuineIntel", WIDE, None),
    ],
)
def test_only_a_processor_with_every_instruction_gets_the_wide_kernels(
    tmp_path: Path, vendor: str, flags: str, kernel: str | None
) -> None:
    """One that lacks any would die of it; those of Intel the library knows itself."""
    assert kernel_of(tmp_path, vendor, flags) == kernel


def test_a_kernel_that_somebody_chose_stays(tmp_path: Path) -> None:
    """Whoever sets the variable knows why."""
    assert kernel_of(tmp_path, "AuthenticAMD", WIDE, OPENBLAS_CORETYPE="Haswell") is None


def test_a_system_without_cpuinfo_is_left_as_it_is(tmp_path: Path) -> None:
    """There is one thread all the same."""
    assert worker_environment({}, tmp_path / "nothing")["OPENBLAS_NUM_THREADS"] == "1"


def test_the_environment_is_as_before_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was set is set again, what was not is gone again."""
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = dict(os.environ)
    with for_workers():
        assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"
    assert dict(os.environ) == before
