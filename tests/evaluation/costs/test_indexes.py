"""Every kind of index finds the same at full effort, and is built once."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from evaluation.costs.indexes import Codes, Effort, exact, flat, kept, opened, probes, refined, variants
from process.progress import Reporter
from storage.pins.scoring import exact_search

QUIET = Reporter(quiet=True)
KINDS = (Codes(kind="lsh", size=32), Codes(kind="pq", size=8, n_lists=30))


@pytest.mark.parametrize("codes", KINDS, ids=lambda codes: codes.name)
def test_at_full_effort_codes_find_what_exact_search_finds(
    codes: Codes, pool: NDArray[np.float16], tmp_path: Path
) -> None:
    """All lists and all pins compared exactly: the compression leaves no trace."""
    search = refined(opened(kept(codes, pool, tmp_path, QUIET)), flat(pool), pool, 10)
    found = search(pool[:5], Effort(depth=len(pool), n_probe=codes.n_lists))
    assert found.tolist() == exact_search(pool[:5], pool, 10)[0].tolist()


def test_exact_search_is_exact(pool: NDArray[np.float16]) -> None:
    """The yardstick agrees with the service's own exact search."""
    found = exact(flat(pool), pool, 10)(pool[:5], Effort(depth=0))
    assert found.tolist() == exact_search(pool[:5], pool, 10)[0].tolist()


def test_what_is_not_met_has_a_score_below_every_cosine(pool: NDArray[np.float16], tmp_path: Path) -> None:
    """One list of 30 holds fewer than 200 pins: the rest of the answer is empty."""
    codes = KINDS[1]
    search = refined(opened(kept(codes, pool, tmp_path, QUIET)), flat(pool), pool, 200)
    found = search(pool[:1], Effort(depth=200, n_probe=1))
    assert found[0, 0] == pytest.approx(1, abs=1e-3)
    assert found[0, -1] == -2


def test_an_index_is_built_once_for_a_pool(pool: NDArray[np.float16], tmp_path: Path) -> None:
    """The second time it is read; another pool gets another."""
    first = kept(KINDS[0], pool, tmp_path, QUIET)
    written = first.file.stat().st_mtime_ns
    assert kept(KINDS[0], pool, tmp_path, QUIET) == first
    assert first.file.stat().st_mtime_ns == written
    assert kept(KINDS[0], pool[:1_100], tmp_path, QUIET).file != first.file
    assert not list(tmp_path.glob("*.unfinished*"))


def test_what_is_counted_of_an_index_holds_its_codes(pool: NDArray[np.float16], tmp_path: Path) -> None:
    """32 bits a pin are 4 bytes; what is beside them is the projection and little else."""
    n_bytes = kept(KINDS[0], pool, tmp_path, QUIET).n_bytes
    assert 4 * len(pool) <= n_bytes <= 4 * len(pool) + 4 * 16 * 32 + 500


@given(n=st.integers(1_000, 2_000_000), d=st.integers(1, 1_024))
def test_quantisers_share_the_elements_of_any_vector(n: int, d: int) -> None:
    """Equally, as FAISS demands; and no inverted file has more lists than pins."""
    for codes in variants(n, d):
        assert codes.kind == "lsh" or d % codes.size == 0
        assert 0 <= codes.n_lists <= n
        assert max(probes(codes)) == codes.n_lists
