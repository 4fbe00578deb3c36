"""A PinnerSage server for your own tests: in this process, over real gRPC, with the answers you give it.

    with FakeRecommender(recommendations={"ann": Recommendation(candidates=(Candidate("dog"),))}) as fake:
        with Client(fake.target) as client:
            assert my_feed(client, "ann") == ["dog"]
    assert fake.calls[0].arguments["user_id"] == "ann"

It answers from values and keeps to the contract where callers rely on it: unknown users get an empty answer,
unknown pins NOT_FOUND, and exclusions, `min_score`, `max_interests` and `max_candidates` narrow the answers
given. It samples nothing, ranks nothing and checks no limits. `filters` are noted in `calls` and narrow
nothing: values have no columns.
"""

from pinnersage.client.testing._calls import ReceivedCall
from pinnersage.client.testing._fake import FakeRecommender

__all__ = ["FakeRecommender", "ReceivedCall"]
