"""Those who asked to be forgotten reach tasks as one mapped file, however many they are."""

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from profile_builder.spark.forgotten import ForgottenUsers, MappedUsers, write_sorted

pytestmark = pytest.mark.spark


def test_everybody_is_found_with_their_own_time(tmp_path: Path) -> None:
    """Ids in any script; who is not there is not."""
    until_s = {f"user-{number}": number for number in range(1_000)} | {"名前": 7, "85123A": 8}
    write_sorted(until_s, tmp_path / "some.arrow")
    mapped = MappedUsers(tmp_path / "some.arrow")

    assert {user_id: mapped.until_s(user_id) for user_id in mapped} == until_s
    with pytest.raises(KeyError):
        mapped.until_s("user-1000")


def test_ids_of_one_hash_are_told_apart(tmp_path: Path) -> None:
    """Nobody is forgotten in another's place."""

    def all_the_same(user_ids: Sequence[str]) -> NDArray[np.uint64]:
        return np.full(len(user_ids), 5, np.uint64)

    write_sorted({"ann": 1, "ben": 2}, tmp_path / "some.arrow", hash_ids=all_the_same)
    mapped = MappedUsers(tmp_path / "some.arrow", hash_ids=all_the_same)

    assert (mapped.until_s("ann"), mapped.until_s("ben")) == (1, 2)
    with pytest.raises(KeyError):
        mapped.until_s("cid")


def test_what_travels_with_a_task_does_not_grow() -> None:
    """A name, whatever the number."""
    assert len(pickle.dumps(ForgottenUsers("some.arrow", 10_000_000))) < 200
