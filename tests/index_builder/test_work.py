"""Finished work: used again when it is of the same thing and whole, and never otherwise."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from index_builder import build as building
from index_builder import hnsw, refining
from index_builder.build import BuildPolicy, Built, build
from index_builder.hnsw import HnswParameters
from index_builder.refining import Refinement
from index_builder.work import Work, digest, work_in
from storage.errors import PublishError, PublishLockedError
from storage.pins.artefact import pin_versions
from storage.pins.hnsw import Hnsw
from storage.pins.verifying import verify_version
from tests.index_builder.tables import QUIET, circle, vectors, write


class Killed(BaseException):
    """Nobody catches it, as nobody catches kill -9."""


def note(text: str) -> Callable[[Path], None]:
    def write_note(folder: Path) -> None:
        (folder / "note").write_text(text)

    return write_note


def cut(raw: bytes) -> bytes:
    return raw[:-1]


def flip(raw: bytes) -> bytes:
    return bytes([raw[0] ^ 1]) + raw[1:]


class TestKeeping:
    """Of single stages."""

    @pytest.fixture
    def work(self, tmp_path: Path) -> Work:
        return Work(tmp_path / "work", QUIET)

    def test_what_was_kept_is_found(self, work: Work) -> None:
        """By its name and key, and by no other."""
        work.keep("graph", "k", note("half"))
        found = work.find("graph", "k")
        assert found is not None
        assert (found / "note").read_text() == "half"
        assert work.find("graph", "other") is None
        assert work.find("grap", "k") is None

    def test_a_later_part_replaces_an_earlier_one(self, work: Work, tmp_path: Path) -> None:
        """And leaves the other stages."""
        work.keep("other", "k", note("other"))
        for done in (5, 40, 300):
            work.keep("graph", "k", note(f"{done}"), done=done)
        assert sorted(os.listdir(tmp_path / "work")) == ["graph-000000300", "other-000000000"]

    @pytest.mark.parametrize("name", ["note", "manifest.json"])
    @pytest.mark.parametrize("damage", [cut, flip])
    def test_damage_is_never_trusted(self, work: Work, name: str, damage: Callable[[bytes], bytes]) -> None:
        """One byte is enough, or a missing end."""
        work.keep("graph", "k", note("whole"))
        folder = work.find("graph", "k")
        assert folder is not None
        (folder / name).write_bytes(damage((folder / name).read_bytes()))
        assert work.find("graph", "k") is None

    def test_killed_while_writing_the_part_before_is_there(self, work: Work) -> None:
        """And the next part is kept as if nothing had been."""

        def die(folder: Path) -> None:
            note("broken")(folder)
            raise Killed

        work.keep("graph", "k", note("5"), done=5)
        with pytest.raises(Killed):
            work.keep("graph", "k", die, done=40)
        found = work.find("graph", "k")
        assert found is not None
        assert (found / "note").read_text() == "5"
        work.keep("graph", "k", note("40"), done=40)
        assert (work.find("graph", "k") or Path()).name == "graph-000000040"

    def test_a_full_disk_does_not_stop_a_build(self, work: Work, tmp_path: Path) -> None:
        """Nothing is kept, and no half of it stays."""

        def fill(folder: Path) -> None:
            (folder / "note").write_text("x")
            raise OSError(28, "No space left on device")

        work.keep("graph", "k", fill)
        assert os.listdir(tmp_path / "work") == []

    def test_one_build_at_a_time(self, tmp_path: Path) -> None:
        """The second is told to wait."""
        message = r"another build into .* is at work: wait until it is done"
        with (
            work_in(tmp_path, QUIET),
            pytest.raises(PublishLockedError, match=message),
            work_in(tmp_path, QUIET),
        ):
            pass
        with work_in(tmp_path, QUIET):
            pass

    def test_a_folder_that_cannot_be(self, tmp_path: Path) -> None:
        """Before hours of work, not after."""
        (tmp_path / "file").write_text("")
        with (
            pytest.raises(
                PublishError, match=r"cannot build into .*file: it is a file\. Name another folder with --out"
            ),
            work_in(tmp_path / "file", QUIET),
        ):
            pass

    def test_digests_tell_things_apart(self) -> None:
        """By content, type and shape."""
        x = np.arange(4)
        others = [x[::-1], x.astype(np.int32), x.reshape(2, 2), x + 1]
        assert len({digest(each, 0.5) for each in [x, *others]} | {digest(x, 0.25)}) == 6
        assert digest(x[::2], 1) == digest(np.array([0, 2]), 1)


class TestResuming:
    """Of whole builds."""

    @pytest.fixture
    def pins(self, tmp_path: Path) -> Path:
        angles = [*range(0, 360, 3), 91, 182]
        return write(
            tmp_path / "pins.parquet", pin_id=[f"{a}N" for a in angles], embedding=vectors(circle(angles))
        )

    @pytest.fixture(autouse=True)
    def often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every batch of 50 pins is kept."""
        monkeypatch.setattr(hnsw, "_BATCH_ROWS", 50)
        monkeypatch.setattr(hnsw, "_KEEP_EVERY_S", 0.0)

    @pytest.fixture
    def done(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What is done, step by step."""
        done: list[str] = []
        judge, add = refining._judged, Hnsw.add

        def judging(*arguments: Any) -> object:
            done.append("judged")
            return judge(*arguments)

        def adding(index: Hnsw, batch: NDArray[np.float16], *, threads: int) -> None:
            done.append(f"added {len(batch)} to {len(index)}")
            add(index, batch, threads=threads)

        monkeypatch.setattr(refining, "_judged", judging)
        monkeypatch.setattr(Hnsw, "add", adding)
        return done

    def run(self, pins: Path, root: Path, m: int = 8) -> Built:
        return build(
            pins,
            "circle-1",
            pin_versions(root),
            rejects_path=root / "rejects.jsonl",
            policy=BuildPolicy(
                refinement=Refinement(near_duplicate_cosine=float(np.cos(np.deg2rad(2.5)))),
                hnsw=HnswParameters(m=m, ef_construction=40),
            ),
            reporter=QUIET,
        )

    def killed_at(self, step: str, pins: Path, root: Path) -> None:
        """Build until a step of `build` is reached: that one is never done."""

        def die(*_: object, **__: object) -> None:
            raise Killed

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(building, step, die)
            with pytest.raises(Killed):
                self.run(pins, root)

    def killed_after_adding(self, n: int, pins: Path, root: Path) -> None:
        add = Hnsw.add

        def die_later(index: Hnsw, batch: NDArray[np.float16], *, threads: int) -> None:
            if len(index) >= n:
                raise Killed
            add(index, batch, threads=threads)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Hnsw, "add", die_later)
            with pytest.raises(Killed):
                self.run(pins, root)

    def test_in_one_go(self, pins: Path, tmp_path: Path, done: list[str]) -> None:
        """Everything is done once, and nothing of it stays behind."""
        self.run(pins, tmp_path / "a")
        assert done == ["judged", "added 50 to 0", "added 50 to 50", "added 20 to 100"]
        assert ".building" not in os.listdir(tmp_path / "a")

    @pytest.mark.parametrize(
        ("step", "again"),
        [
            ("read_pins", ["judged", "added 50 to 0", "added 50 to 50", "added 20 to 100"]),
            ("build_hnsw", ["added 50 to 0", "added 50 to 50", "added 20 to 100"]),
            ("measure", []),
            ("write_pins", []),
        ],
    )
    def test_a_killed_build_does_only_the_rest(
        self, pins: Path, tmp_path: Path, done: list[str], step: str, again: list[str]
    ) -> None:
        """And comes to the version that it would have come to in one go."""
        self.killed_at(step, pins, tmp_path / "a")
        done.clear()
        built = self.run(pins, tmp_path / "a")
        assert done == again
        assert verify_version(tmp_path / "a").n_indexed == 120
        assert built.published.version == self.run(pins, tmp_path / "b").published.version
        assert ".building" not in os.listdir(tmp_path / "a")

    def test_a_graph_goes_on_from_its_last_part(self, pins: Path, tmp_path: Path, done: list[str]) -> None:
        """With all pins under their rows."""
        self.killed_after_adding(100, pins, tmp_path / "a")
        done.clear()
        assert self.run(pins, tmp_path / "a").manifest.measured.at[0].recall == 1.0
        assert done == ["added 20 to 100"]
        verify_version(tmp_path / "a")

    def test_a_damaged_part_is_built_anew(self, pins: Path, tmp_path: Path, done: list[str]) -> None:
        """What was judged is kept by itself."""
        self.killed_after_adding(100, pins, tmp_path / "a")
        (path,) = (tmp_path / "a" / ".building").glob("hnsw-*/hnsw.faiss")
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        done.clear()
        self.run(pins, tmp_path / "a")
        assert done == ["added 50 to 0", "added 50 to 50", "added 20 to 100"]
        verify_version(tmp_path / "a")

    def test_another_graph_is_built_anew(self, pins: Path, tmp_path: Path, done: list[str]) -> None:
        """Other parameters, other key; the near-duplicates are the same."""
        self.killed_after_adding(100, pins, tmp_path / "a")
        done.clear()
        self.run(pins, tmp_path / "a", m=16)
        assert done == ["added 50 to 0", "added 50 to 50", "added 20 to 100"]

    def test_other_pins_are_judged_anew(self, pins: Path, tmp_path: Path, done: list[str]) -> None:
        """Even under the same file name."""
        self.killed_at("measure", pins, tmp_path / "a")
        write(pins, pin_id=["a", "b"], embedding=vectors(circle([0, 90])))
        done.clear()
        self.run(pins, tmp_path / "a")
        assert done == ["judged", "added 2 to 0"]
