"""From many users to candidates: the store is asked for some at once, each is answered as if alone."""

from collections.abc import Iterator, Sequence

import numpy as np
import structlog
from numpy.typing import NDArray

from pinnersage.v1 import recommender_pb2 as pb
from server.deadlines import Deadline
from server.recommending import Recommendation, Recommender
from server.validation import Options
from storage.errors import DamagedRecordError

# Their answers take about as much as a message of a stream holds.
_IN_ONE_GO = 64

Asked = tuple[str, Options]

log = structlog.get_logger("server.recommending_each")


def recommend_each(
    recommender: Recommender, asked: Sequence[Asked], deadline: Deadline
) -> Iterator[list[Recommendation]]:
    """What `Recommender.for_user` gives of each user, some users at a time, each time when it is asked for.

    A user whose record is damaged is told so, and the others are answered all the same.

    Args:
        recommender: The stages.
        asked: The users, and the options of each; exclusions are the same for all.
        deadline: Of all of them.

    Raises:
        StoreUnavailableError: As `for_user`.
    """
    excluded = recommender.excluded(asked[0][1])
    for begin in range(0, len(asked), _IN_ONE_GO):
        yield _recommend_some(recommender, asked[begin : begin + _IN_ONE_GO], excluded, deadline)


def _recommend_some(
    recommender: Recommender, asked: Sequence[Asked], excluded: NDArray[np.int32], deadline: Deadline
) -> list[Recommendation]:
    deadline.check("profile")
    now_s = recommender.clock()
    with recommender.metrics.stage("profile"):
        keys = [(user_id, options.lambda_per_day) for user_id, options in asked]
        found = recommender.users.get_each(keys, now_s)
    return [
        _of_damaged(recommender, of_user, excluded, options)
        if isinstance(of_user, DamagedRecordError)
        else recommender.of_profile(of_user, excluded, options, now_s, deadline)
        for of_user, (_, options) in zip(found, asked, strict=True)
    ]


def _of_damaged(
    recommender: Recommender, error: DamagedRecordError, excluded: NDArray[np.int32], options: Options
) -> Recommendation:
    log.error("a user of a batch has a damaged record", error=type(error).__name__)
    return recommender.without_profile(pb.ANSWER_REASON_DAMAGED_PROFILE, excluded, options)
