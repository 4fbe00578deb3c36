"""What the servers of these tests serve: two small artefacts, published anew as often as a test likes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from model.parameters import Parameters
from storage.profiles.opening import open_batch_publisher
from storage.profiles.store import BatchManifest
from tests.storage.pins import worlds
from tests.storage.profiles import people

N_PINS, N_USERS, DIMENSION = 400, 50, 16
USERS = tuple(sorted(f"user-{at}" for at in range(N_USERS)))
_SPACE = worlds.cloud(1, DIMENSION).embedding_space


def publish_pins(root: Path, name: str) -> str:
    """A version of the pins that says its name; returns its own."""
    world = worlds.cloud(N_PINS, DIMENSION)
    titles = worlds.texts([name] * N_PINS)
    named = replace(world, rows=replace(world.rows, titles=titles))
    return worlds.publish(root, named).version


def publish_profiles(root: Path, name: str) -> str:
    """A version of the profiles: each user likes two pins of their own."""
    likes = {user: (f"p{2 * at}", f"p{2 * at + 1}") for at, user in enumerate(USERS)}
    return publish_users(str(root), likes, name)


def publish_users(url: str, likes: Mapping[str, Sequence[str]], name: str = "p0") -> str:
    """A version of the profiles of these users, in ascending order, into a folder or a Redis."""
    users = (people.encoded(user, *pins) for user, pins in likes.items())
    return open_batch_publisher(url).publish(users, [name], _manifest).version


def _manifest() -> BatchManifest:
    description = replace(
        people.DESCRIPTION, embedding_space=_SPACE, parameters=Parameters(alpha=1.0), n_users=N_USERS
    )
    return BatchManifest(description=description)
