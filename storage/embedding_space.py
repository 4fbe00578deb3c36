"""The embedding space: the one thing that ties artefact, model file and profiles together."""

from dataclasses import dataclass

from storage.errors import EmbeddingSpaceMismatchError


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """Where vectors may be compared.

    Attributes:
        name: Name and version, given by the owner of the embeddings, for example "minilm-l6-v2-title-1".
        dimension: d, the length of a vector.
    """

    name: str
    dimension: int

    def __str__(self) -> str:
        return f"{self.name} ({self.dimension} dimensions)"

    def require(self, other: "EmbeddingSpace", *, ours: str, theirs: str) -> None:
        """Refuse another space; `ours` and `theirs` say to a person which things were compared.

        Raises:
            EmbeddingSpaceMismatchError: The two are not equal.
        """
        if self != other:
            raise EmbeddingSpaceMismatchError(
                f"{ours} is of embedding space {self}, {theirs} is of {other}: "
                "their vectors cannot be compared. Build both from the same embeddings."
            )
