"""From many users to candidates: what the stages of server.recommending do for one, done for many in one go.

Most users of a batch have a profile, their lists are cached, and whole slices of those make the answer: that
is found out for all of them together. Whoever needs more is answered as a call of their own would be.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import structlog
from numpy.typing import NDArray

from pinnersage.v1 import recommender_pb2 as pb
from server.budgets import budgets_of
from server.deadlines import Deadline
from server.recommending import Recommendation, Recommender, described
from server.served_profiles import ServedProfile
from server.validation import Options
from server.variants import Budget
from storage.errors import DamagedRecordError

# Their answers take about as much as a message of a stream holds.
_IN_ONE_GO = 64

Asked = tuple[str, Options]
Found = ServedProfile | DamagedRecordError | None

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
    # Each once: what stands twice among those looks as if it were in the way of everybody.
    excluded = np.unique(recommender.excluded(asked[0][1]))
    for begin in range(0, len(asked), _IN_ONE_GO):
        yield _recommend_some(recommender, asked[begin : begin + _IN_ONE_GO], excluded, deadline)


def _recommend_some(
    recommender: Recommender, asked: Sequence[Asked], excluded: NDArray[np.int32], deadline: Deadline
) -> list[Recommendation]:
    deadline.check("profile")
    with recommender.metrics.stage("profile"):
        keys = [(user_id, options.lambda_per_day) for user_id, options in asked]
        found = recommender.users.get_each(keys, recommender.clock())
    answers: dict[int, Recommendation] = {}
    for some in _alike(asked, found):
        options = asked[some[0]][1]
        profiles = [each for at in some if isinstance(each := found[at], ServedProfile)]
        answers |= zip(some, _by_turns(recommender, profiles, excluded, options, deadline), strict=True)
    return [
        answers[at] if at in answers else _alone(recommender, found[at], excluded, options, deadline)
        for at, (_, options) in enumerate(asked)
    ]


def _alike(asked: Sequence[Asked], found: Sequence[Found]) -> list[list[int]]:
    """The users whose answers are made in one way: the same options, and as many lists that take turns."""
    alike: dict[tuple[int, int, int], list[int]] = {}
    for at, ((_, options), profile) in enumerate(zip(asked, found, strict=True)):
        if isinstance(profile, ServedProfile) and len(profile) and _takes_equal_turns(options):
            n_lists = min(len(profile), options.max_interests)
            alike.setdefault((id(options), n_lists, id(profile.blocked)), []).append(at)
    return list(alike.values())


def _takes_equal_turns(options: Options) -> bool:
    return (
        options.merge_policy == pb.MERGE_POLICY_INTERLEAVED
        and options.budget is Budget.EQUAL
        and options.where is None
        and options.min_score is None
    )


def _by_turns(
    recommender: Recommender,
    profiles: Sequence[ServedProfile],
    excluded: NDArray[np.int32],
    options: Options,
    deadline: Deadline,
) -> list[Recommendation]:
    metrics = recommender.metrics
    with metrics.stage("sample"):
        drawn = [recommender.drawn(profile, options) for profile in profiles]
    budgets = budgets_of(options.budget, options.max_candidates, drawn[0].rows)
    filters = recommender.filters(excluded, options, profiles[0].blocked)
    filled = recommender.filling.by_turns_each(drawn, filters, budgets, options.max_candidates, deadline)
    now_s = recommender.clock()
    answers = [described(each, of_each, now_s) for each, of_each in zip(drawn, filled, strict=True)]
    recommender.count(answers, options)
    return answers


def _alone(
    recommender: Recommender,
    found: Found,
    excluded: NDArray[np.int32],
    options: Options,
    deadline: Deadline,
) -> Recommendation:
    if isinstance(found, DamagedRecordError):
        log.error("a user of a batch has a damaged record", error=type(found).__name__)
        return recommender.without_profile(pb.ANSWER_REASON_DAMAGED_PROFILE, excluded, options)
    return recommender.of_profile(found, excluded, options, deadline)
