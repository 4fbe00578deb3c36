"""What users may import does not change by accident."""

import pinnersage.client
import pinnersage.client.testing

NAMES = {
    "AnswerReason",
    "AnyOf",
    "CallError",
    "CancelledError",
    "Candidate",
    "CandidateGroup",
    "Client",
    "ClosedError",
    "Condition",
    "ConfigurationError",
    "DeadlineExceededError",
    "Degradation",
    "Equals",
    "HealthStatus",
    "Interest",
    "InterestOrigin",
    "InvalidArgumentError",
    "Medoid",
    "MergePolicy",
    "NoneOf",
    "NotFoundError",
    "PermissionDeniedError",
    "Pin",
    "PinnerSageError",
    "Pins",
    "Profile",
    "RecentPin",
    "Recommendation",
    "RecordedAction",
    "ResourceExhaustedError",
    "Retries",
    "SampledInterest",
    "ServerError",
    "SimilarPin",
    "SimilarPins",
    "Timeout",
    "UnauthenticatedError",
    "UnavailableError",
    "UnsupportedError",
    "UserRecommendation",
    "Within",
    "__version__",
}


def test_the_public_names_are_locked() -> None:
    """Adding or removing a name takes a change here, and a line in the changelog."""
    assert set(pinnersage.client.__all__) == NAMES
    assert set(pinnersage.client.testing.__all__) == {"FakeRecommender", "ReceivedCall"}


def test_every_public_name_exists() -> None:
    """`from pinnersage.client import *` works."""
    for module in (pinnersage.client, pinnersage.client.testing):
        assert [name for name in module.__all__ if not hasattr(module, name)] == []
