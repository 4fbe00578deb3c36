"""What many users get at once is what each of them gets alone, whatever is asked and whoever they are."""

from pathlib import Path

import numpy as np
import pytest

from pinnersage.v1 import recommender_pb2 as pb
from server.settings import Fallback
from storage.pins.takedown import FILE
from storage.profiles.memory import InMemoryProfiles
from tests.server.conftest import Serve
from tests.server.world import TOPICS, People, make_pins

N_PINS, N_USERS, N_BATCHES = 300, 40, 12
TOGETHER = (("x-request-id", "one"),)


def some_pins(random: np.random.Generator, n: int) -> list[str]:
    return [f"{random.choice(TOPICS)}-{random.integers(N_PINS)}" for _ in range(n)]


def some_people(random: np.random.Generator) -> InMemoryProfiles:
    """Of one to six interests, in one topic or several, near each other or not; each has seen a few pins."""
    names = [f"user-{number}" for number in range(N_USERS)]
    return People(
        shares={
            name: {pin_id: float(random.random()) for pin_id in some_pins(random, int(random.integers(1, 7)))}
            for name in names
        },
        seen={name: some_pins(random, int(random.integers(30))) for name in names},
        popular=("cat-3", "car-3", "cake-9"),
    ).store()


def some_options(random: np.random.Generator) -> dict[str, object]:
    options: dict[str, object] = {
        "max_candidates": int(random.choice([1, 7, 60, 400])),
        "seed": int(random.integers(2**63)),
        "exclude_pin_ids": some_pins(random, int(random.choice([0, 5, 60]))),
    }
    if random.random() < 0.2:
        options["min_score"] = float(random.choice([0.5, 0.98]))
    if random.random() < 0.1:
        return options | {"merge_policy": pb.MERGE_POLICY_FUSED}
    return options | {"max_interests": int(random.integers(1, 5))}


def without_importances(answer: pb.RecommendResponse) -> pb.RecommendResponse:
    """Those fall from second to second."""
    for each in answer.interests:
        each.importance = 0
    return answer


@pytest.mark.parametrize("blocked", ["", "cat-5\ncar-9\ncake-40\n"])
def test_a_batch_is_its_users_one_by_one(serve: Serve, tmp_path: Path, blocked: str) -> None:
    """To the last field, in whatever way an answer is made: lists that share pins, short ones, strangers."""
    random = np.random.default_rng(1)
    (tmp_path / FILE).write_text(blocked, encoding="utf-8")
    stub = serve(make_pins(n=N_PINS), some_people(random), fallback=Fallback.POPULAR, root=tmp_path)
    for _ in range(N_BATCHES):
        options = some_options(random)
        users = [f"user-{number}" for number in random.integers(N_USERS + 3, size=25)]
        request = pb.RecommendBatchRequest(user_ids=users, **options)  # type: ignore[arg-type]
        # The first time fetches what is cached from then on.
        for _ in range(2):
            stream = stub.RecommendBatch(request, metadata=TOGETHER)
            together = [result for message in stream for result in message.results]
        assert [each.user_id for each in together] == users
        for user_id, answer in zip(users, (each.recommendation for each in together), strict=True):
            asked = pb.RecommendRequest(user_id=user_id, **options)  # type: ignore[arg-type]
            alone = stub.Recommend(asked, metadata=TOGETHER)
            assert without_importances(answer) == without_importances(alone)
