"""What the demo asks, against a server whose answers are written down here."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demo.asking import CANDIDATES_SHOWN, SEED, n_interests, people, person
from demo.histories import Action, Histories
from pinnersage.client import Candidate, Client, Interest, Pin, Profile, Recommendation, SampledInterest
from pinnersage.client.testing import FakeRecommender
from tests.client.servers import PATIENT

CATS = tuple(Candidate(f"cat-{n}", 0.9 - n / 100, "cat") for n in range(9))
ANSWER = Recommendation(
    candidates=(CATS[0], Candidate("boat", 0.5, "ship"), *CATS[1:]),
    interests=(SampledInterest("cat", 3.0, 0.75), SampledInterest("ship", 1.0, 0.25)),
)
PROFILE = Profile(
    user_id="ann",
    interests=(
        Interest(medoid_pin_id="cat", title="a cat", probability=0.75, size=4),
        Interest(medoid_pin_id="ship", title=None, probability=0.25, size=1),
    ),
)
CAT_LOVER = Profile(
    user_id="cat-lover", interests=tuple(Interest(medoid_pin_id=f"cat-{n}", size=1) for n in range(3))
)
HISTORY = [Action("cat", "save", 0.5), Action("ship", "rate_high", 3.0), Action("gone", "save", 8.0)]


@pytest.fixture
def client() -> Iterator[Client]:
    fake = FakeRecommender(
        recommendations={"ann": ANSWER},
        profiles=[PROFILE, CAT_LOVER],
        pins=[Pin("cat", "a cat"), Pin("cat-0", "a kitten"), Pin("boat", "a boat"), Pin("ship")],
    )
    with fake, Client(fake.target, timeout=PATIENT) as client:
        yield client


def test_every_candidate_has_its_reason(client: Client) -> None:
    """Candidates are grouped by medoid; only what was saved is called saved."""
    cats, ships = person(client, "ann", HISTORY).suggestions
    assert cats.reason == "because you saved a cat"
    assert ships.reason == "because of ship"
    assert ships.candidates == [("a boat", 0.5)]


def test_the_first_of_each_group_are_shown_and_all_are_counted(client: Client) -> None:
    """A screen holds a few; the numbers tell the rest."""
    shown = person(client, "ann", HISTORY)
    assert len(shown.suggestions[0].candidates) == CANDIDATES_SHOWN
    assert shown.suggestions[0].n_candidates == 9
    assert shown.n_candidates == 10


def test_the_newest_actions_are_shown_and_all_are_counted(client: Client) -> None:
    """Twenty actions, the newest first: eight fit on the screen."""
    history = [Action(f"pin-{n}", "save", float(n)) for n in range(20)]
    shown = person(client, "ann", history)
    assert shown.n_actions == 20
    assert [each.days_ago for each in shown.recent] == [0, 1, 2, 3, 4, 5, 6, 7]


def test_a_fallback_is_explained_too() -> None:
    """Popular pins are near nothing that the person saved."""
    popular = Recommendation(candidates=(Candidate("hat"),))
    with (
        FakeRecommender(recommendations={"ann": popular}, profiles=[PROFILE]) as fake,
        Client(fake.target, timeout=PATIENT) as client,
    ):
        (group,) = person(client, "ann", HISTORY).suggestions
    assert group.reason == "because many people like them"
    assert group.candidates == [("hat", None)]


def test_the_same_interests_are_sampled_tomorrow() -> None:
    """A seed goes with the request: who runs the demo again sees the same."""
    with (
        FakeRecommender(recommendations={"ann": ANSWER}, profiles=[PROFILE]) as fake,
        Client(fake.target, timeout=PATIENT) as client,
    ):
        person(client, "ann", HISTORY)
    (asked,) = [call for call in fake.calls if call.method == "Recommend"]
    assert asked.arguments == {"user_id": "ann", "seed": SEED}


def test_a_pin_without_a_title_is_shown_by_its_id(client: Client) -> None:
    """Also one that the artefact no longer holds."""
    shown = person(client, "ann", HISTORY)
    assert [recent.title for recent in shown.recent] == ["a cat", "ship", "gone"]
    assert [interest.title for interest in shown.interests] == ["a cat", "ship"]


def test_interests_are_shown_with_share_and_size(client: Client) -> None:
    """Most important first, as the server has them."""
    interests = person(client, "ann", HISTORY).interests
    assert [(each.share, each.size) for each in interests] == [(0.75, 4), (0.25, 1)]


@pytest.mark.parametrize(("n", "shown"), [(3, ["cat-lover", "ann"]), (1, ["cat-lover"])])
def test_people_with_several_interests_come_first_and_strangers_never(
    client: Client, tmp_path: Path, n: int, shown: list[str]
) -> None:
    """More are looked at than shown; Bob, a stranger to the server, and an impossible id are passed over."""
    people_of = {"user_id": ["bob", "cat-lover", "ann", "x" * 200], "pin_id": ["cat"] * 4}
    table = pa.table(people_of | {"timestamp": [1_700_000_000] * 4, "action": ["save"] * 4})
    pq.write_table(table, tmp_path / "actions.parquet")
    histories = Histories(tmp_path / "actions.parquet", None, until_s=1_700_000_000)
    assert [each.user_id for each in people(client, histories, n)] == shown


def test_a_stranger_has_no_interests(client: Client) -> None:
    """Someone with actions on unknown pins only has no profile: the demo looks for somebody else."""
    assert n_interests(client, "ann") == 2
    assert n_interests(client, "nobody") == 0
