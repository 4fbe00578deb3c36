"""The embedding space keeps together what belongs together."""

import pytest

from storage.embedding_space import EmbeddingSpace
from storage.errors import EmbeddingSpaceMismatchError

MINILM = EmbeddingSpace("minilm-1", 384)


def test_one_space_is_accepted() -> None:
    """Name and dimension are what it is."""
    MINILM.require(EmbeddingSpace("minilm-1", 384), ours="pins", theirs="profiles")


@pytest.mark.parametrize("other", [EmbeddingSpace("minilm-2", 384), EmbeddingSpace("minilm-1", 64)])
def test_another_space_is_refused(other: EmbeddingSpace) -> None:
    """The message names both things and both spaces."""
    with pytest.raises(EmbeddingSpaceMismatchError) as caught:
        MINILM.require(other, ours="the pin artefact a", theirs="the profiles b")
    assert str(caught.value) == (
        f"the pin artefact a is of embedding space minilm-1 (384 dimensions), the profiles b is of {other}: "
        "their vectors cannot be compared. Build both from the same embeddings."
    )
