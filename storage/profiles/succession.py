"""What may follow the live batch: unasked none that reaches less far, of far fewer users or another space."""

from contextlib import suppress
from dataclasses import dataclass

from storage.embedding_space import EmbeddingSpace
from storage.errors import EmbeddingSpaceMismatchError, NoVersionError, PublishError
from storage.profiles.store import BatchDescription, BatchPublisher
from storage.shrinking import require_share


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """What a batch may do to the live one because somebody said so.

    Attributes:
        replace_later: Take the place of one that has later actions.
        new_embedding_space: Take the place of one of another embedding space.
        min_share_of_live: Take the place of one that has more users, if it has at least this share of them.
    """

    replace_later: bool = False
    new_embedding_space: bool = False
    min_share_of_live: float = 0.0


UNASKED = Permit()


def require_follows(new: BatchDescription, live: BatchDescription | None, permit: Permit, place: str) -> None:
    """Refuse a batch that nobody wanted in place of the live one.

    Args:
        new: The batch.
        live: The live one; None without one, or where nobody can tell what it is.
        permit: What was said.
        place: Where they lie, for people.

    Raises:
        EmbeddingSpaceMismatchError: They are of different embedding spaces.
        PublishError: The live one has later actions, or far more users.
    """
    if live is None:
        return
    _require_space(new.embedding_space, live.embedding_space, permit, place)
    require_users(new, live, permit, place)
    if new.actions_until_s < live.actions_until_s and not permit.replace_later:
        raise later_is_live(new.actions_until_s, live.actions_until_s, place)


def require_users(new: BatchDescription, live: BatchDescription, permit: Permit, place: str) -> None:
    """Refuse a batch of far fewer users than the live one, unless that is permitted.

    Raises:
        PublishError: It is one.
    """
    require_share(new.n_users, live.n_users, permit.min_share_of_live, what="users", place=place)


def require_live_space(publisher: BatchPublisher, new: EmbeddingSpace, permit: Permit, place: str) -> None:
    """Refuse now, before all the work, a batch whose embedding space would be refused when it is published.

    Raises:
        EmbeddingSpaceMismatchError: The live batch is of another, and that was not permitted.
    """
    with suppress(NoVersionError):
        for each in publisher.versions():
            if each.is_current and each.description is not None:
                _require_space(new, each.description.embedding_space, permit, place)


def _require_space(new: EmbeddingSpace, live: EmbeddingSpace, permit: Permit, place: str) -> None:
    if new != live and not permit.new_embedding_space:
        raise another_space_is_live(new, live, place)


def later_is_live(new_s: int, live_s: int, place: str) -> PublishError:
    """The error of a batch that comes late. Times are Unix seconds UTC."""
    return PublishError(
        f"the live batch in {place} has actions until {live_s}, this one until {new_s} only (Unix seconds), "
        "so it was not made live. To go back to an earlier batch, use rollback; to have this one all the "
        "same, add --replace-later."
    )


def another_space_is_live(
    new: EmbeddingSpace, live: EmbeddingSpace, place: str
) -> EmbeddingSpaceMismatchError:
    """The error of a batch whose vectors cannot be compared with those of the live one."""
    return EmbeddingSpaceMismatchError(
        f"the live batch in {place} is of embedding space {live}, this one is of {new}, so it was not made "
        "live. See whether --profiles says where it should go; if the embeddings have changed, add "
        "--new-embedding-space."
    )
