"""The answers as scripts read them."""

import json

from pinnersage.client import Interest, Medoid, MergePolicy, Profile, Recommendation, SampledInterest
from pinnersage.client.command_line import documents
from pinnersage.client.testing import FakeRecommender
from tests.client.command_line.conftest import Run
from tests.client.conftest import ANN, DOGS_AND_HEARTS


def test_json_of_recommend(run: Run) -> None:
    """One document, in the server's order; scores as the server meant them; no title is null."""
    document = json.loads(run("recommend", "ann", "--json")[1])
    assert list(document) == [
        "user_id",
        "reason",
        "merge_policy",
        "variant",
        "degraded",
        "interests",
        "candidates",
        "artefact_version",
        "request_id",
    ]
    assert document["interests"][0] == {
        "medoid_pin_id": "🐶",
        "title": "dog face",
        "importance": 4.0,
        "probability": 0.5,
        "origin": "batch_and_online",
        "cache_hit": True,
        "medoids": [],
    }
    assert [candidate["pin_id"] for candidate in document["candidates"]] == ["🐩", "22423", "🐕‍🦺", "47566"]
    assert document["candidates"][3] == {
        "pin_id": "47566",
        "title": None,
        "score": 0.5,
        "medoid_pin_id": "85123A",
    }


def test_json_of_a_fused_answer() -> None:
    """Each interest has the pins that stood for it, with their shares; a profile's as well."""
    fused = SampledInterest("a", medoids=(Medoid("a", 0.75), Medoid("b", 0.25)))
    answer = Recommendation(interests=(fused,), merge_policy=MergePolicy.FUSED)
    document = documents.recommendation("ann", answer, {})
    medoids = [{"pin_id": "a", "share": 0.75}, {"pin_id": "b", "share": 0.25}]
    assert document["merge_policy"] == "fused"
    assert document["interests"] == [{**_interest_of(document), "medoids": medoids}]
    profile = documents.profile(
        Profile(user_id="ann", interests=(Interest(medoid_pin_id="a", medoids=fused.medoids),))
    )
    assert _interest_of(profile)["medoids"] == medoids


def _interest_of(document: documents.Document) -> dict[str, object]:
    interests = document["interests"]
    assert isinstance(interests, list)
    interest: dict[str, object] = interests[0]
    return interest


def test_json_keys_never_come_and_go(run: Run) -> None:
    """An empty answer has the keys of a full one."""
    full, empty = (json.loads(run("recommend", user, "--json")[1]) for user in ("ann", "nobody"))
    assert list(full) == list(empty)
    assert (empty["reason"], empty["candidates"]) == ("unknown_user", [])


def test_json_of_the_other_commands(run: Run, fake: FakeRecommender) -> None:
    """Times in ISO 8601, UTC; what is unknown is null."""
    similar = json.loads(run("similar", "🐶", "--json")[1])
    assert similar["pins"][0] == {"pin_id": "🐩", "title": "poodle", "score": 0.875}
    profile = json.loads(run("profile", "ann", "--json")[1])
    assert (profile["computed_at"], profile["actions_until"]) == ("2013-08-07T12:00:00Z", None)
    assert profile["interests"][1]["in_artefact"] is False
    assert json.loads(run("health", "--json")[1]) == {"server": fake.target, "status": "serving"}


def test_the_documents_cover_the_values() -> None:
    """Every field of the answers is in the JSON: nothing is lost on the way to a script."""
    from_values = set(DOGS_AND_HEARTS.__slots__) - {"unknown_pins"}
    assert from_values <= set(documents.recommendation("ann", DOGS_AND_HEARTS, {}))
    assert set(ANN.__slots__) == set(documents.profile(ANN))
