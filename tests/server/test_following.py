"""Pins added between builds: served by every method as soon as they are seen, by whichever merge policy."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from pinnersage.v1 import recommender_pb2 as pb
from server.bootstrap import wire_server
from server.candidate_cache import CandidateCache
from server.candidate_lists import CandidateList, Retrieved
from server.deadlines import Deadline
from server.elements import joined
from server.encoding import encode_list
from server.following import SideFollower
from server.joining import JoinedRetrieval, put_in
from server.metrics import Metrics
from storage.pins.columns import Column
from storage.pins.joined import JoinedPins
from storage.pins.memory import InMemoryPins
from storage.pins.port import PinView
from storage.pins.side import Beside, Side, SideRows, side_versions, write_side
from storage.pins.side_search import SideSearch
from storage.pins.takedown import Block
from storage.pins.takedown_writing import block
from tests.server.conftest import Serve, settings
from tests.server.world import DIMENSION, SPACE, TOPICS, default_people, make_pins
from tests.waiting import wait_until

NO_VALUES: Mapping[str, Column] = {}
POLICIES = (pb.MERGE_POLICY_INTERLEAVED, pb.MERGE_POLICY_FUSED)


def near_cat(degrees: float) -> NDArray[np.float16]:
    """float16 [d]: so far from cat-0, towards the other cats."""
    vector = np.zeros(DIMENSION)
    vector[0], vector[len(TOPICS)] = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return vector.astype(np.float16)


def side_rows(
    degrees: Sequence[float],
    *,
    twins: Sequence[int] = (),
    version: str = "000001-test",
    columns: Mapping[str, Column] = NO_VALUES,
) -> SideRows:
    """Pins new-0, new-1, ... among the cats; and twin-0, ..., each stood for by the row given."""
    n_main = make_pins().n_pins
    n, vectors = len(degrees), [near_cat(each) for each in degrees]
    vectors += [make_pins().embeddings[row] for row in twins]
    return SideRows(
        beside=Beside(version, n_main),
        embedding_space=SPACE,
        pin_ids=(*(f"new-{at}" for at in range(n)), *(f"twin-{at}" for at in range(len(twins)))),
        titles=(*(f"Title of new-{at}" for at in range(n)), *[""] * len(twins)),
        quality=np.full(len(vectors), np.nan),
        embeddings=np.array(vectors, np.float16).reshape(-1, DIMENSION),
        representatives=np.array([*range(n_main, n_main + n), *twins], np.int32),
        n_indexed=n,
        columns=columns,
    )


def with_added(rows: SideRows) -> JoinedPins:
    """The test world and these; other pins are another version."""
    side = Side(version="-".join(rows.pin_ids), rows=rows, searching=SideSearch(rows.pool))
    return JoinedPins(make_pins(), side)


def publish(root: Path, rows: SideRows) -> None:
    side_versions(root).publish(lambda folder: write_side(folder, rows, None))


def colours(n: int, first: int) -> "pa.Array[Any]":
    """Two of three are red."""
    return pa.array(["blue" if at % 3 == 0 else "red" for at in range(first, first + n)], pa.large_string())


def coloured_world() -> InMemoryPins:
    """The test world, and whether a pin is red or blue."""
    pins = make_pins()
    return InMemoryPins(
        pins.pin_ids(np.arange(pins.n_pins)),
        pins.embeddings,
        embedding_space=SPACE,
        representatives=pins.representatives,
        n_indexed=pins.n_indexed,
        version=pins.version,
        columns={"colour": colours(pins.n_pins, 0)},
    )


def twin_of_all(rows: SideRows) -> InMemoryPins:
    """One artefact of the test world and the added pins."""
    pins = make_pins()
    n, n_new = pins.n_indexed, rows.n_indexed
    order = np.arange(pins.n_pins)
    first, last = order[:n], order[n:]
    representatives = np.concatenate(
        [np.arange(n + n_new), pins.representatives[last], rows.representatives[n_new:]]
    )
    return InMemoryPins(
        [*pins.pin_ids(first), *rows.pin_ids[:n_new], *pins.pin_ids(last), *rows.pin_ids[n_new:]],
        np.concatenate(
            [pins.embeddings[first], rows.embeddings[:n_new], pins.embeddings[last], rows.embeddings[n_new:]]
        ),
        embedding_space=SPACE,
        representatives=representatives.astype(np.int32),
        n_indexed=n + n_new,
        version="000001-test",
        columns={
            name: pa.concat_arrays([of_main[:n], of_side[:n_new], of_main[n:], of_side[n_new:]])
            for name, of_side in rows.columns.items()
            for of_main in (colours(pins.n_pins, 0),)
        },
    )


def names(candidates: Sequence[pb.Candidate]) -> list[str]:
    return [each.pin_id for each in candidates]


@pytest.mark.parametrize("n", [1, 20, 150, 250])
@pytest.mark.parametrize("policy", POLICIES)
def test_answers_are_those_of_one_artefact(
    serve: Serve, tmp_path: Path, policy: "pb.MergePolicy.ValueType", n: int
) -> None:
    """Whatever is asked, cached or not: candidates, order and scores are those of a build of all pins."""
    rows = side_rows([0.3, 2.6, 10.4, 33.3, 70.2], twins=[5])
    publish(tmp_path, rows)
    joined, alone = serve(root=tmp_path), serve(twin_of_all(rows))
    pins = [pb.RecentPin(pin_id="new-2"), pb.RecentPin(pin_id="car-3"), pb.RecentPin(pin_id="twin-0")]
    request = pb.RecommendForPinsRequest(pins=pins, max_candidates=n, merge_policy=policy)
    for _ in ("a miss", "a hit"):
        ours, theirs = joined.RecommendForPins(request), alone.RecommendForPins(request)
        assert [(each.pin_id, each.medoid_pin_id) for each in ours.candidates] == [
            (each.pin_id, each.medoid_pin_id) for each in theirs.candidates
        ]
        np.testing.assert_allclose(
            [each.score for each in ours.candidates], [each.score for each in theirs.candidates], atol=1e-6
        )
    similar = pb.SimilarPinsRequest(pin_id="cat-21", max_candidates=n)
    assert names(joined.SimilarPins(similar).candidates) == names(alone.SimilarPins(similar).candidates)


@pytest.mark.parametrize("colour", ["red", "blue", "green"])
@pytest.mark.parametrize("policy", POLICIES)
def test_filtered_answers_are_those_of_one_artefact(
    serve: Serve, tmp_path: Path, policy: "pb.MergePolicy.ValueType", colour: str
) -> None:
    """Added pins pass by their own values, cached lists or not: by every method, up to all that pass."""
    rows = side_rows([0.3, 2.6, 10.4, 33.3, 70.2], twins=[5], columns={"colour": colours(6, 1)})
    publish(tmp_path, rows)
    joined, alone = serve(coloured_world(), root=tmp_path), serve(twin_of_all(rows))
    where = pb.Filter(conditions=[pb.Condition(column="colour", any_of=pb.Values(values=[colour]))])
    pins = [pb.RecentPin(pin_id="new-2"), pb.RecentPin(pin_id="car-3"), pb.RecentPin(pin_id="twin-0")]
    similar = pb.SimilarPinsRequest(pin_id="cat-21", max_candidates=150)
    for n in (5, 40, 150):
        request = pb.RecommendForPinsRequest(pins=pins, max_candidates=n, merge_policy=policy, filter=where)
        ours, theirs = joined.RecommendForPins(request), alone.RecommendForPins(request)
        assert names(ours.candidates) == names(theirs.candidates)
        assert (colour == "green") == (not ours.candidates)
        # The next filtered lists are picked from these, which are cached.
        assert joined.SimilarPins(similar).candidates
        filtered = pb.SimilarPinsRequest(pin_id="cat-21", max_candidates=n, filter=where)
        assert names(joined.SimilarPins(filtered).candidates) == names(alone.SimilarPins(filtered).candidates)


def test_a_list_of_all_is_as_long_as_is_asked(serve: Serve, tmp_path: Path) -> None:
    """The 180 of the artefact fit into its shortest list; with 40 that were added it is too short."""
    publish(tmp_path, side_rows([0.5 + at for at in range(40)]))
    stub = serve(root=tmp_path)
    for n in (150, 200, 250):
        request = pb.SimilarPinsRequest(pin_id="cat-21", max_candidates=n)
        assert len(stub.SimilarPins(request).candidates) == min(n, 219)


def test_every_method_knows_an_added_pin(serve: Serve, tmp_path: Path) -> None:
    """As a candidate, as what is asked about, as what is excluded; and all answers name both versions."""
    publish(tmp_path, side_rows([0.3], twins=[5]))
    stub = serve(root=tmp_path)
    version = f"000001-test+{side_versions(tmp_path).current()}"
    similar = stub.SimilarPins(pb.SimilarPinsRequest(pin_id="new-0", max_candidates=2))
    assert (names(similar.candidates), similar.artefact_version) == (["cat-0", "cat-1"], version)
    excluded = pb.SimilarPinsRequest(pin_id="cat-0", max_candidates=10, exclude_pin_ids=["new-0"])
    assert "new-0" not in names(stub.SimilarPins(excluded).candidates)
    # What is excluded goes with all that it is near to.
    excluded = pb.SimilarPinsRequest(pin_id="cat-4", max_candidates=2, exclude_pin_ids=["twin-0"])
    assert "cat-5" not in names(stub.SimilarPins(excluded).candidates)
    told = stub.GetPins(pb.GetPinsRequest(pin_ids=["new-0", "twin-0"]))
    assert [(pin.title, pin.representative_pin_id, pin.indexed) for pin in told.pins] == [
        ("Title of new-0", "new-0", True),
        ("", "cat-5", False),
    ]
    assert told.artefact_version == version


def test_an_added_pin_is_taken_down_like_any_other(serve: Serve, tmp_path: Path) -> None:
    """By the same list."""
    publish(tmp_path, side_rows([20.4, 20.6]))
    block(tmp_path, [Block("new-0")])
    stub = serve(root=tmp_path)
    found = names(stub.SimilarPins(pb.SimilarPinsRequest(pin_id="cat-20", max_candidates=10)).candidates)
    assert ("new-0" in found, "new-1" in found) == (False, True)
    assert stub.GetPins(pb.GetPinsRequest(pin_ids=["new-0"])).pins[0].blocked


def following(root: Path, served: list[PinView], refused: list[str] | None = None) -> SideFollower:
    """Of the test world; what is served and refused is kept."""
    told = [] if refused is None else refused
    return SideFollower(root, make_pins(), served.append, count_refused=lambda: told.append("a version"))


def test_an_added_pin_on_the_takedown_list_is_no_unknown_one(tmp_path: Path) -> None:
    """Whoever watches for slips is told of those only."""
    publish(tmp_path, side_rows([20.4]))
    block(tmp_path, [Block("new-0"), Block("no-such-pin")])
    server = wire_server(make_pins(), default_people().store(), settings(pins=tmp_path))
    assert server.registry.get_sample_value("pinnersage_takedown_unknown") == 1


class TestFollower:
    """What a look at the folder leads to."""

    def test_an_added_pin_is_served(self, tmp_path: Path) -> None:
        """From the first look after it was added; a side that was seen is not opened again."""
        served: list[PinView] = []
        follower = following(tmp_path, served)
        follower.poll()
        assert served == []
        publish(tmp_path, side_rows([0.3]))
        follower.poll()
        follower.poll()
        assert [pins.row("new-0") for pins in served] == [make_pins().n_pins]

    def test_a_damaged_side_is_refused(self, tmp_path: Path) -> None:
        """The last good one is served on, the damage told and counted once, and the next good one taken."""
        served: list[PinView] = []
        refused: list[str] = []
        follower = following(tmp_path, served, refused)
        publish(tmp_path, side_rows([0.3]))
        follower.poll()
        publish(tmp_path, side_rows([0.3, 4.4]))
        path = side_versions(tmp_path).folder() / "embeddings.npy"
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1] + b"\x01")
        with capture_logs() as logs:
            follower.poll()
            follower.poll()
        assert (len(served), len(refused)) == (1, 1)
        (told,) = logs
        assert "does not match its checksum" in told["problem"]
        publish(tmp_path, side_rows([0.3, 4.4, 7.7]))
        follower.poll()
        assert [pins.n_indexed for pins in served] == [181, 183]

    def test_a_side_of_another_version_is_left(self, tmp_path: Path) -> None:
        """As after a build: its rows are not this version's."""
        served: list[PinView] = []
        publish(tmp_path, side_rows([0.3], version="000002-test"))
        follower = following(tmp_path, served)
        with capture_logs() as logs:
            follower.poll()
            follower.poll()
        assert served == []
        (told,) = logs
        assert (told["served"], told["pins"]) == (None, "000001-test")

    def test_a_problem_is_told_once_each_time_it_comes(self, tmp_path: Path) -> None:
        """Not at every look; but again when it was gone in between."""
        served: list[PinView] = []
        follower = following(tmp_path, served)
        publish(tmp_path, side_rows([0.3]))
        current = tmp_path / "side" / "CURRENT"
        live = current.read_text()
        with capture_logs() as logs:
            for _ in range(2):
                current.write_text("nonsense")
                follower.poll()
                follower.poll()
                current.write_text(live)
                follower.poll()
        assert [each["log_level"] for each in logs] == ["error", "info", "error"]
        assert len(served) == 1

    def test_a_version_has_its_own_side(self, tmp_path: Path) -> None:
        """A server on the earlier version serves what was last beside that, not what came later."""
        served: list[PinView] = []
        for degrees in ([0.3], [0.3, 4.4]):
            publish(tmp_path, side_rows(degrees))
        publish(tmp_path, side_rows([0.3, 4.4, 7.7], version="000002-test"))
        follower = following(tmp_path, served)
        follower.poll()
        follower.poll()
        publish(tmp_path, side_rows([0.3, 7.7], version="000002-test"))
        follower.poll()
        assert [pins.n_indexed for pins in served] == [182]

    def test_a_side_that_was_gone_back_from_is_not_served(self, tmp_path: Path) -> None:
        """Of the two beside this version the live one counts."""
        served: list[PinView] = []
        for degrees in ([0.3], [0.3, 4.4]):
            publish(tmp_path, side_rows(degrees))
        side_versions(tmp_path).roll_back()
        following(tmp_path, served).poll()
        assert [pins.n_indexed for pins in served] == [181]


def test_a_running_server_serves_what_is_added(serve: Serve, tmp_path: Path) -> None:
    """Without a restart, and the cached list stays: the answer is a hit."""
    stub = serve(root=tmp_path)
    request = pb.SimilarPinsRequest(pin_id="cat-20", max_candidates=10)
    before = names(stub.SimilarPins(request).candidates)
    publish(tmp_path, side_rows([20.4]))
    answers: list[pb.SimilarPinsResponse] = []

    def is_seen() -> bool:
        answers.append(stub.SimilarPins(request))
        return answers[-1].artefact_version != "000001-test"

    # It looks at the folder by itself.
    wait_until(is_seen)
    assert set(names(answers[-1].candidates)) == {"new-0", *before[:9]}
    assert all(each.cache_hit for each in answers)


def list_of(pin_id: str, pins: JoinedPins, cache: CandidateCache) -> Retrieved:
    """The list of a pin, by a cache that outlasts what was added."""
    metrics = Metrics(CollectorRegistry())
    retrieval = JoinedRetrieval(pins, cache, ef_search=64, perplexity=325.0, metrics=metrics)
    (found,) = retrieval.fetch([(pin_id, pins.row(pin_id))], at_least=50, deadline=Deadline())
    return found


def hits_of(asked: Sequence[tuple[str, JoinedPins]]) -> list[bool]:
    """Which lists one cache had; each is the one that is found without any."""
    cache = CandidateCache(1_000_000)
    found = [list_of(pin_id, pins, cache) for pin_id, pins in asked]
    for (pin_id, pins), each in zip(asked, found, strict=True):
        anew = list_of(pin_id, pins, CandidateCache(1_000_000))
        assert each.candidates.rows.tolist() == anew.candidates.rows.tolist()
        assert each.candidates.medoid_pin_id == pin_id
    return [each.cache_hit for each in found]


def test_the_list_of_an_added_pin_stays_while_others_are_added() -> None:
    """They move its row: the pin that has that row now has a list of its own."""
    before, now = with_added(side_rows([0.3], twins=[5])), with_added(side_rows([0.3, 40.0], twins=[5]))
    assert before.row("twin-0") == now.row("new-1")
    assert hits_of([("twin-0", before), ("twin-0", now), ("new-1", now)]) == [False, True, False]


def test_a_pin_that_is_added_again_with_another_vector_is_another_medoid() -> None:
    """As when its embedding is mended: it is taken back, then added again. Nobody gets its old list."""
    wrong, mended = with_added(side_rows([0.3])), with_added(side_rows([50.3]))
    asked = [("new-0", pins) for pins in (wrong, mended, wrong, mended)]
    assert hits_of(asked) == [False, False, True, True]


@pytest.mark.parametrize("wanted", [1, 4, 7])
def test_put_in(wanted: int) -> None:
    """A list with others put in is what encoding the merged list gives, byte for byte."""

    def listed(rows: list[int], scores: list[float], k: int) -> CandidateList:
        pin_ids = [b"pin-" + b"x" * row for row in rows]
        return encode_list(np.array(rows), pin_ids, np.array(scores, np.float32), medoid_pin_id="m", wanted=k)

    main = listed([3, 1, 2, 0], [0.9, 0.7, 0.7, 0.1], 4)
    joint = put_in(main, listed([9, 8, 7], [1.0, 0.7, 0.0], 3), wanted)
    rows, scores = [9, 3, 1, 2, 8, 0, 7], [1.0, 0.9, 0.7, 0.7, 0.7, 0.1, 0.0]
    expected = listed(rows[:wanted], scores[:wanted], wanted)
    assert joined(joint.elements) == joined(expected.elements)
    for name in ("rows", "scores"):
        np.testing.assert_array_equal(getattr(joint, name), getattr(expected, name))
