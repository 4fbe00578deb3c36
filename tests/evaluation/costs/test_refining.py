"""The refined pool is that of the same pins, or it is refused."""

from pathlib import Path

import numpy as np
import pytest

from evaluation.costs.refining import refined_pool
from evaluation.errors import EvaluationError
from storage.errors import NoVersionError
from tests.storage.pins.worlds import compass, publish


def test_the_refined_pool_is_what_the_artefact_indexes(tmp_path: Path) -> None:
    """36 of the compass's 38 pins, in any order; the others were left out."""
    publish(tmp_path, compass())
    refined = refined_pool(tmp_path, compass().rows.embeddings[::-1])
    assert refined.vectors.shape == (36, 2)
    assert (refined.n_low_quality, refined.n_near_duplicates) == (2, 0)
    assert refined.graph.n_bytes > refined.vectors.nbytes


def test_another_number_of_pins_is_refused_with_both_numbers(tmp_path: Path) -> None:
    """The message says what to build."""
    publish(tmp_path, compass())
    with pytest.raises(EvaluationError, match=r"38 pins .* 37 of dimension 2\. Build .*index_builder build"):
        refined_pool(tmp_path, compass().rows.embeddings[1:])


def test_as_many_other_pins_are_refused(tmp_path: Path) -> None:
    """All in one place instead of around the compass."""
    publish(tmp_path, compass())
    north = np.tile(np.array([0, 1], np.float16), (38, 1))
    with pytest.raises(EvaluationError, match="other ones"):
        refined_pool(tmp_path, north)


def test_a_folder_without_an_artefact_is_refused(tmp_path: Path) -> None:
    """With what to run."""
    with pytest.raises(NoVersionError, match="index_builder build"):
        refined_pool(tmp_path, compass().rows.embeddings)
