"""New pins between builds, as a person adds them: pins on a circle, an id its angle."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest

from index_builder.__main__ import program
from storage import publication
from storage.errors import DamagedArtefactError
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.joined import JoinedPins
from storage.pins.port import NO_ROW
from storage.pins.side import Side, side_versions
from tests.index_builder.tables import write, write_circle
from tests.index_builder.test_takedown import Terminal


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


@pytest.fixture
def root(run: Terminal, tmp_path: Path) -> Path:
    """An artefact of pins 0N, 90N and 180N, of the space s."""
    return build(run, tmp_path, [0, 90, 180])


def build(run: Terminal, tmp_path: Path, angles: list[float]) -> Path:
    path = write_circle(tmp_path / "p.parquet", angles)
    assert run("build", "--pins", path, "--embedding-space", "s", "--out", tmp_path / "a") == 0, run.err
    return tmp_path / "a"


def add(run: Terminal, root: Path, angles: Sequence[float], **columns: object) -> None:
    path = write_circle(root.parent / "new.parquet", angles, **columns)
    assert run("add", "--pins", path, "--to", root) == 0, run.err


def spoil(path: Path) -> None:
    """Change the last byte."""
    path.chmod(0o644)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 0x7F]))


def representatives(root: Path) -> dict[str, str | None]:
    """Who stands for each added pin."""
    with closing(PinArtefact.open(root)) as main:
        side = Side.open(root)
        joined = JoinedPins(main, side)
        rows = joined.representatives[main.n_pins :]
        return {
            pin_id: None if row == NO_ROW else joined.pin_ids(np.array([row]))[0]
            for pin_id, row in zip(side.rows.pin_ids, rows.tolist(), strict=True)
        }


def test_add(run: Terminal, root: Path) -> None:
    """A new pin is a candidate unless a pin of the artefact, or one added before it, is near it."""
    add(run, root, [45, 91, 46])
    assert representatives(root) == {"45N": "45N", "91N": "90N", "46N": "45N"}
    assert Side.open(root).rows.n_indexed == 1
    assert "3 pins, 1 of them candidates" in run.out


def test_what_was_added_is_listed(run: Terminal, root: Path) -> None:
    """Below the versions, with the one that it stands beside."""
    assert run("list", "--pins", root) == 0
    assert "added" not in run.out
    add(run, root, [45, 46])
    live, side = pin_versions(root).current(), side_versions(root).current()
    assert run("list", "--pins", root) == 0
    assert run.out.splitlines()[-1] == f"side/{side}: 2 pins added, 1 of them candidates, beside {live}"
    (side_versions(root).folder() / "manifest.json").unlink()
    assert run("list", "--pins", root) == 0
    assert f"! side/{side}: " in run.out


def test_pins_near_those_of_the_artefact_only(run: Terminal, root: Path) -> None:
    """A side may be without candidates, and may get some later."""
    add(run, root, [91, 1])
    assert representatives(root) == {"91N": "90N", "1N": "0N"}
    add(run, root, [46, 45])
    assert representatives(root) == {"45N": "45N", "46N": "45N", "91N": "90N", "1N": "0N"}
    add(run, root, [47, 2, 300])
    assert Side.open(root).rows.pin_ids[:2] == ("45N", "300N")
    assert representatives(root)["47N"] == "45N"


def test_low_quality_is_no_candidate(run: Terminal, root: Path) -> None:
    """A pin below the artefact's threshold of quality is known, and stood for where one is near."""
    add(run, root, [45, 46, 300], quality=[0.9, 0.1, 0.1])
    assert representatives(root) == {"45N": "45N", "46N": "45N", "300N": None}


def test_adding_again(run: Terminal, root: Path) -> None:
    """The same file once more changes nothing, and later pins come beside the earlier ones."""
    add(run, root, [45])
    first = side_versions(root).current()
    add(run, root, [45])
    assert "1 that were added before" in run.out
    assert "nothing was written" in run.out
    assert side_versions(root).current() == first
    add(run, root, [46, 270])
    assert representatives(root) == {"45N": "45N", "270N": "270N", "46N": "45N"}


def test_pins_of_the_artefact_are_not_added(run: Terminal, root: Path) -> None:
    """An id that the artefact holds keeps the vector that it has there, and is counted."""
    add(run, root, [90, 45])
    assert "1 that the artefact holds" in run.out
    assert list(representatives(root)) == ["45N"]


def test_the_next_build_takes_pins_in(run: Terminal, root: Path, tmp_path: Path) -> None:
    """Added pins that the build's input holds are no longer beside it; the others stay, beside the new."""
    add(run, root, [45, 46, 270])
    build(run, tmp_path, [0, 46, 90, 180])
    assert "1 added before are in the artefact now" in run.out
    assert representatives(root) == {"270N": "270N", "45N": "46N"}
    assert Side.open(root).rows.beside.version == pin_versions(root).current()


def test_a_build_with_all_added_pins_leaves_none(run: Terminal, root: Path, tmp_path: Path) -> None:
    """The side is empty then, and says beside which version."""
    add(run, root, [45])
    build(run, tmp_path, [0, 45, 90, 180])
    assert representatives(root) == {}


def test_after_a_rollback(run: Terminal, root: Path, tmp_path: Path) -> None:
    """What was added stands beside the version that is live then, and that is said."""
    add(run, root, [45])
    build(run, tmp_path, [0, 90, 180, 200])
    assert run("rollback", "--pins", root) == 0
    assert "beside it         1 pins, 1 of them candidates" in run.out
    assert representatives(root) == {"45N": "45N"}
    assert run("verify", "--pins", root) == 0
    assert "1 pins, 1 of them candidates, beside 000001" in run.out


def test_a_rollback_brings_back_what_a_build_took_in(run: Terminal, root: Path, tmp_path: Path) -> None:
    """The earlier version does not hold these pins: without its side they would be gone."""
    add(run, root, [45, 270])
    build(run, tmp_path, [0, 45, 90, 180])
    for angle in (300, 310, 320, 330):
        add(run, root, [angle])
    assert run("rollback", "--pins", root) == 0
    assert "1 added before, which a later version holds" in run.out
    assert set(representatives(root)) == {"45N", "270N", "300N", "310N", "320N", "330N"}
    assert run("rollback", pin_versions(root).versions()[-1].name, "--pins", root) == 0
    assert set(representatives(root)) == {"270N", "300N", "310N", "320N", "330N"}


def test_whatever_died_before_it_was_beside(run: Terminal, root: Path, tmp_path: Path) -> None:
    """A side beside another version is no good side; `add` without pins puts it beside the live one."""
    add(run, root, [45])
    build(run, tmp_path, [0, 90, 180, 200])
    pin_versions(root).roll_back()
    assert run("verify", "--pins", root) == 1
    assert "python -m index_builder add --to DIR" in run.err
    assert run("add", "--to", root) == 0
    assert representatives(root) == {"45N": "45N"}
    assert run("verify", "--pins", root) == 0


def test_a_build_beside_a_damaged_side(run: Terminal, root: Path, tmp_path: Path) -> None:
    """The new version is live, and is summed up; that it lacks what was added is said, and how to mend it."""
    add(run, root, [45])
    add(run, root, [270])
    spoil(side_versions(root).folder() / "embeddings.npy")
    path = write_circle(tmp_path / "p.parquet", [0, 90, 180, 200])
    assert run("build", "--pins", path, "--embedding-space", "s", "--out", root) == 1
    live = pin_versions(root).current()
    assert f"  version           {live}" in run.out
    assert f"{live} is live, but without the pins added before" in run.err
    assert f"rollback --pins {root}/side" in run.err
    assert run("rollback", "--pins", root / "side") == 0
    assert run("add", "--to", root) == 0
    assert representatives(root) == {"45N": "45N"}


def test_adding_at_the_same_time(root: Path) -> None:
    """Whoever comes later waits; nobody's pins are lost."""
    angles = (45, 135, 225, 270)
    paths = [write_circle(root.parent / f"{angle}.parquet", [angle]) for angle in angles]
    with ThreadPoolExecutor(len(angles)) as threads:
        statuses = threads.map(
            lambda path: program().run(["add", "--pins", str(path), "--to", str(root)]), paths
        )
    assert list(statuses) == [0] * len(angles)
    assert set(representatives(root)) == {f"{angle}N" for angle in angles}


def test_many_are_indexed_once_they_are_live(
    run: Terminal, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not in the index is compared one by one, so nobody waits for it; it is kept, and grows."""
    monkeypatch.setattr("index_builder.add.EXACT_UP_TO", 2)
    in_index, published = [], []
    for angles in ([20, 40], [60], [110, 130], [150]):
        add(run, root, angles)
        side = Side.open(root)
        in_index.append(side.n_in_index)
        published.append(int(side.version.partition("-")[0]))
        queries = side.rows.embeddings
        found = side.searching.search(queries, 1, ef_search=16)[1]
        assert found[:, 0].tolist() == list(range(len(side.rows)))
    assert in_index == [0, 3, 3, 6]
    assert published == [1, 3, 4, 6]


def test_an_index_of_other_candidates_is_not_kept(
    run: Terminal, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build took some of them in: what is left is not what the index holds first."""
    monkeypatch.setattr("index_builder.add.EXACT_UP_TO", 2)
    add(run, root, [20, 40, 60])
    assert Side.open(root).n_in_index == 3
    add(run, root, [130])
    build(run, tmp_path, [0, 20, 90, 180])
    side = Side.open(root)
    assert (side.rows.pin_ids, side.n_in_index) == (("40N", "60N", "130N"), 3)
    found = side.searching.search(side.rows.embeddings, 1, ef_search=16)[1]
    assert found[:, 0].tolist() == [0, 1, 2]


def test_damage_is_found(run: Terminal, root: Path) -> None:
    """A side whose bytes are not what was published is refused, by `verify` and by the next `add`."""
    add(run, root, [45])
    spoil(side_versions(root).folder() / "embeddings.npy")
    with pytest.raises(DamagedArtefactError, match="does not match its checksum"):
        Side.open(root)
    assert run("verify", "--pins", root) == 1
    new = write_circle(root.parent / "new.parquet", [270])
    assert run("add", "--pins", new, "--to", root) == 1
    assert "does not match its checksum" in run.err


@pytest.mark.parametrize("at", range(len(publication.PREPARE) + len(publication.COMMIT)))
def test_a_crash_at_any_step(run: Terminal, root: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Whenever `add` dies, the side is whole, of before or after; once more, and all pins are there."""
    add(run, root, [45])

    def die(_: object) -> None:
        raise KeyboardInterrupt

    prepare, commit = publication.PREPARE, publication.COMMIT
    steps: list[Callable[..., None]] = [*prepare, *commit]
    steps[at] = die
    monkeypatch.setattr(publication, "PREPARE", tuple(steps[: len(prepare)]))
    monkeypatch.setattr(publication, "COMMIT", tuple(steps[len(prepare) :]))
    new = write_circle(root.parent / "new.parquet", [270])
    arguments = ["add", "--pins", str(new), "--to", str(root)]
    with suppress(KeyboardInterrupt):
        program().run(arguments)
    monkeypatch.undo()
    assert set(representatives(root)) in ({"45N"}, {"45N", "270N"})
    assert program().run(arguments) == 0
    assert set(representatives(root)) == {"45N", "270N"}


def test_usage(run: Terminal, root: Path, tmp_path: Path) -> None:
    """What cannot be added is refused by its reason, and nothing is published."""
    assert run("add", "--to", root) == 1
    assert "nothing was added before: give --pins FILE" in run.err
    other = write(tmp_path / "d3.parquet", pin_id=["a"], embedding=[[1.0, 0.0, 0.0]])
    assert run("add", "--pins", other, "--to", root) == 1
    assert "the pins have 3 dimensions, the artefact is of s (2 dimensions)" in run.err
    assert run("add", "--pins", other, "--to", tmp_path / "nowhere") == 1
    assert "is not a folder that exists" in run.err
    assert not (root / "side" / "CURRENT").exists()


def test_pins_that_are_all_there_change_nothing(run: Terminal, root: Path, tmp_path: Path) -> None:
    """That is said, and no empty version is published beside the artefact."""
    path = write_circle(tmp_path / "p.parquet", [0])
    assert run("add", "--pins", path, "--to", root) == 0
    assert run.out.splitlines() == [
        "  read              1 row",
        "  new               0: the artefact holds them all, so nothing was added",
    ]
    assert not (root / "side").exists()


def test_another_embedding_space(run: Terminal, root: Path, tmp_path: Path) -> None:
    """Vectors of another space cannot be compared: those pins stay behind, and that is said."""
    add(run, root, [45])
    path = write_circle(tmp_path / "p.parquet", [0, 90])
    assert run("build", "--pins", path, "--embedding-space", "t", "--out", root, "--new-embedding-space") == 0
    assert "1 added before, of another embedding space" in run.out
    assert representatives(root) == {}
