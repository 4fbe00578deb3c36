"""What a build may follow: unasked, none of another embedding space, and none of far more pins."""

from storage.embedding_space import EmbeddingSpace
from storage.errors import DamagedArtefactError, EmbeddingSpaceMismatchError
from storage.pins.manifest import PinManifest
from storage.publishing import VersionedFolder
from storage.shrinking import require_share


class Succession:
    """Says of a build to come whether it may go live in a folder.

    Args:
        folder: Where it goes.
        space: The name of its embedding space.
        may_change: Whether somebody said that it may be another than the live version's.
    """

    def __init__(self, folder: VersionedFolder, space: str, *, may_change: bool) -> None:
        self._root, self._space = folder.root, space
        self._manifest = _live_manifest(folder)
        self._live = None if may_change or self._manifest is None else self._manifest.embedding_space

    def require(self, dimension: int | None = None) -> None:
        """Refuse an embedding space, by its name alone or with its dimension.

        Raises:
            EmbeddingSpaceMismatchError: It is of another embedding space than the live version.
        """
        live = self._live
        if live is None or (live.name == self._space and dimension in {None, live.dimension}):
            return
        ours = self._space if dimension is None else EmbeddingSpace(self._space, dimension)
        raise EmbeddingSpaceMismatchError(
            f"the live version in {self._root} is of embedding space {live}, these pins are of {ours}, so "
            "they were not made live. See whether --out says where they should go; if the embeddings have "
            "changed, add --new-embedding-space."
        )

    def require_indexed(self, n_indexed: int, min_share: float) -> None:
        """Refuse to index far fewer pins than the live version does.

        Args:
            n_indexed: How many would be.
            min_share: Of the live version's; 0 lets any number go.

        Raises:
            PublishError: They are fewer.
        """
        if self._manifest is not None:
            live = self._manifest.counts.indexed
            require_share(n_indexed, live, min_share, what="indexed pins", place=str(self._root))


def _live_manifest(folder: VersionedFolder) -> PinManifest | None:
    """None without a live version, or where nobody can tell what it is."""
    live = next((each for each in folder.versions() if each.is_current), None)
    if live is None or live.problem:
        return None
    try:
        return PinManifest.from_json(live.manifest, where=folder.root / live.name)
    except DamagedArtefactError:
        return None
