"""The caller's deadline: no stage begins for nobody."""

import pytest
from prometheus_client import CollectorRegistry

from pinnersage.v1 import recommender_pb2 as pb
from server.candidate_cache import CandidateCache
from server.deadlines import Deadline
from server.errors import CallCancelledError, DeadlineExpiredError
from server.filling import Filling
from server.filtering import FilteredRetrieval
from server.metrics import Metrics
from server.profile_cache import ProfileCache
from server.profiles import ProfileSource
from server.recommending import Recommender
from server.recommending_each import recommend_each
from server.retrieval import Retrieval
from server.sampling import Sampler
from server.users import ServedProfiles
from server.validation import Options
from tests.server.world import CUT_S, default_people, make_pins


def test_without_a_deadline_every_stage_may_begin() -> None:
    """A caller who sets no deadline waits for as long as it takes."""
    deadline = Deadline()
    deadline.check("merge")

    assert deadline.remaining_s() is None


def test_no_stage_begins_after_the_deadline() -> None:
    """A stage is refused by its name once the time is up, and no time is left, never less than none."""
    deadline = Deadline(-1)

    with pytest.raises(DeadlineExpiredError, match="the deadline passed before stage 'merge' began"):
        deadline.check("merge")
    assert deadline.remaining_s() == 0


def test_a_deadline_in_centuries_is_none() -> None:
    """That is what gRPC says of a caller without one, and no lock can be told to wait so long."""
    assert Deadline(7.4e9).remaining_s() is None


def test_no_stage_begins_for_a_caller_who_gave_up() -> None:
    """The same for one who cancelled with time left."""
    with pytest.raises(CallCancelledError, match="the caller gave up before stage 'merge' began"):
        Deadline(60, lambda: False).check("merge")


def make_recommender() -> Recommender:
    """The stages over the test world."""
    pins, metrics = make_pins(), Metrics(CollectorRegistry())
    retrieval = Retrieval(pins, CandidateCache(1_000_000), ef_search=64, perplexity=325.0, metrics=metrics)
    filtering = FilteredRetrieval(pins, retrieval, ef_search=64, metrics=metrics)
    source = ProfileSource(default_people().store(), pins, metrics)
    return Recommender(
        pins=pins,
        profiles=source,
        users=ServedProfiles(source, ProfileCache(1_000_000)),
        sampler=Sampler(1),
        filling=Filling(pins=pins, retrieval=retrieval, filtering=filtering, metrics=metrics),
        metrics=metrics,
        popular=None,
        clock=lambda: CUT_S,
    )


def test_a_batch_stops_between_two_users() -> None:
    """Users of a batch are served, some at a time, while the caller waits; none is looked up after that."""
    recommender = make_recommender()
    waiting = [True]
    asked = [("ben", Options()), ("ann", Options())] * 100
    answers = recommend_each(recommender, asked, Deadline(None, lambda: waiting[0]))

    assert all(len(each.selection) for each in next(answers))
    waiting[0] = False
    with pytest.raises(CallCancelledError, match="'profile'"):
        next(answers)


def test_lists_are_not_fused_for_a_caller_who_gave_up_while_they_were_fetched() -> None:
    """Warm or cold: the stage that costs most of a warm request asks first."""
    recommender, options = make_recommender(), Options(merge_policy=pb.MERGE_POLICY_FUSED)
    assert len(recommender.for_user("ann", options, Deadline()).selection)

    with pytest.raises(CallCancelledError, match="'fuse'"):
        recommender.for_user("ann", options, Deadline(None, lambda: False))
