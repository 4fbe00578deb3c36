"""Opening the artefact: in steps, refused at the first doubt."""

import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from storage.errors import ArtefactError, DamagedArtefactError, NoVersionError, UnknownFormatError
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.hnsw import Hnsw, Storage
from storage.pins.layout import EMBEDDINGS, FILES, IDS, INDEX, PINS, REPRESENTATIVE
from storage.pins.manifest import FORMAT, PinManifest
from tests.storage.pins.worlds import cloud, compass, index_of, publish, published

Damage = Callable[[bytes, random.Random], bytes]


def flipped(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ (1 << chance.randrange(8))]) + content[at + 1 :]


def truncated(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def zeroed(content: bytes, chance: random.Random) -> bytes:
    at = chance.choice([at for at in range(len(content)) if content[at]])
    return content[:at] + bytes(min(64, len(content) - at)) + content[at + 64 :]


def spliced(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(1, len(content))
    return content[at:] + content[:at] + b"\0"


def extended(content: bytes, chance: random.Random) -> bytes:
    return content + chance.randbytes(chance.randrange(1, 99))


def no_faiss(_: Path) -> Hnsw:
    pytest.fail("FAISS was given a file of a damaged version")


class TestDamage:
    """A damaged version is never served."""

    @pytest.mark.parametrize("damage", [flipped, truncated, zeroed, spliced, extended])
    @pytest.mark.parametrize("name", ["manifest.json", *FILES])
    def test_any_damage_is_refused_before_faiss_sees_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, damage: Damage
    ) -> None:
        """Ten of each kind in each file, in places drawn by chance."""
        path = publish(tmp_path, compass()).folder / name
        monkeypatch.setattr(Hnsw, "open", no_faiss)
        whole = path.read_bytes()
        path.chmod(0o644)
        for seed in range(10):
            path.write_bytes(damage(whole, random.Random(seed)))  # noqa: S311 - no secrets here
            with pytest.raises(DamagedArtefactError, match=name):
                PinArtefact.open(tmp_path)

    @pytest.mark.parametrize("name", ["manifest.json", *FILES])
    def test_a_missing_file_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        """With what to do about it."""
        (publish(tmp_path, compass()).folder / name).unlink()
        monkeypatch.setattr(Hnsw, "open", no_faiss)
        with pytest.raises(
            DamagedArtefactError, match=rf"/{name} is missing.* Restore it from a copy, roll back"
        ):
            PinArtefact.open(tmp_path, checksums=False)

    def test_the_last_good_version_still_opens(self, tmp_path: Path) -> None:
        """A bad version is refused with its reason; the one before can be named."""
        good = publish(tmp_path, compass()).version
        (publish(tmp_path, cloud(50, 8)).folder / INDEX).unlink()
        with pytest.raises(DamagedArtefactError):
            PinArtefact.open(tmp_path)
        assert PinArtefact.open(tmp_path, good).row("90N") == 9


def overwrite(name: str, content: bytes) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return spoil


def resave(name: str, array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> Callable[[Path], None]:
    return lambda folder: np.save(folder / name, array)


def two_pins(folder: Path) -> None:
    table = pa.table({"pin_id": pa.array(["a", "b"], pa.large_string())})
    with pa.ipc.new_file(str(folder / PINS), table.schema) as writer:
        writer.write_table(table)


def numbers_for_ids(folder: Path) -> None:
    table = pa.table({"pin_id": pa.array(range(38))})
    with pa.ipc.new_file(str(folder / PINS), table.schema) as writer:
        writer.write_table(table)


def no_batch(folder: Path) -> None:
    pa.ipc.new_file(str(folder / PINS), pa.schema([pa.field("pin_id", pa.large_string())])).close()


def index_of_fewer(folder: Path) -> None:
    index = Hnsw.empty(2, m=16, ef_construction=100)
    index.add(compass().rows.embeddings[:35], threads=1)
    index.save(folder / INDEX)


def index_of_others(folder: Path) -> None:
    index_of(cloud(36, 3)).save(folder / INDEX)


def index_of_int8(folder: Path) -> None:
    pool = compass().rows.embeddings[:36]
    index = Hnsw.empty(2, m=16, ef_construction=100, storage=Storage.INT8)
    index.learn_range(pool)
    index.add(pool, threads=1)
    index.save(folder / INDEX)


class TestInconsistency:
    """A version whose checksums are right, but whose files are not those its manifest describes."""

    @pytest.mark.parametrize(
        ("spoil", "message"),
        [
            (overwrite(EMBEDDINGS, b"nonsense"), r"embeddings\.npy cannot be read: .* Build again"),
            (overwrite(IDS, b""), r"ids\.npy cannot be read"),
            (
                resave(EMBEDDINGS, np.zeros((38, 3), "f2")),
                r"holds float16 \(38, 3\), its manifest says .*\(38, 2\)",
            ),
            (
                resave(EMBEDDINGS, np.zeros((38, 2), "f4")),
                r"holds float32 \(38, 2\), .* says float16 \(38, 2\)",
            ),
            (resave(REPRESENTATIVE, np.zeros(37, "i4")), r"representative\.npy holds int32 \(37,\)"),
            (resave(IDS, np.zeros((2, 38), "i8")), r"ids\.npy holds int64"),
            (resave(IDS, np.zeros((2, 38), "u8", order="F")), r"ids\.npy does not hold row after row"),
            (overwrite(PINS, b"nonsense"), r"pins\.arrow cannot be read: "),
            (overwrite(PINS, b""), r"pins\.arrow cannot be read: "),
            (two_pins, r"pins\.arrow holds 2 pins, its manifest says 38"),
            (
                numbers_for_ids,
                r"pins\.arrow holds other columns than pin ids and titles: pin_id: int64",
            ),
            (no_batch, r"pins\.arrow holds 0 pins, its manifest says 38"),
            (overwrite(INDEX, b"nonsense"), r"hnsw\.faiss cannot be read by FAISS"),
            (index_of_int8, r"hnsw\.faiss stores int8, its manifest says float16"),
            (index_of_fewer, r"hnsw\.faiss holds 35 vectors of 2 dimensions, its manifest says 36 of 2"),
            (index_of_others, r"hnsw\.faiss holds 36 vectors of 3 dimensions, its manifest says 36 of 2"),
        ],
    )
    def test_it_is_refused_with_the_file_and_the_reason(
        self, tmp_path: Path, spoil: Callable[[Path], None], message: str
    ) -> None:
        """By whoever opens it."""
        publish(tmp_path, compass(), spoil=spoil)
        with pytest.raises(DamagedArtefactError, match=message):
            PinArtefact.open(tmp_path)

    def test_an_index_that_answers_otherwise_is_refused(self, tmp_path: Path) -> None:
        """Its vectors are those of another pool: only the golden queries can know."""

        def shifted(folder: Path) -> None:
            index = Hnsw.empty(2, m=16, ef_construction=100)
            index.add(np.roll(compass().rows.embeddings[:36], 7, axis=0), threads=1)
            index.save(folder / INDEX)

        publish(tmp_path, compass(), spoil=shifted)
        with pytest.raises(DamagedArtefactError, match="does not answer its golden queries as it did"):
            PinArtefact.open(tmp_path)

    def test_another_kind_of_folder_is_refused(self, tmp_path: Path) -> None:
        """Before anything of it is read."""
        pin_versions(tmp_path).publish(lambda _: {"kind": "profiles"})
        with pytest.raises(DamagedArtefactError, match="holds profiles, not pins"):
            PinArtefact.open(tmp_path)


class TestOpening:
    """What a person gets."""

    def test_a_newer_format_is_refused_before_it_is_read(self, tmp_path: Path) -> None:
        """Old software beside new: it says which formats it knows."""
        pin_versions(tmp_path).publish(lambda _: {"format": FORMAT + 1, "kind": "pins"})
        with pytest.raises(UnknownFormatError, match=rf"is of format {FORMAT + 1}, .* Upgrade this software"):
            PinArtefact.open(tmp_path)

    def test_nothing_there_says_what_to_run(self, tmp_path: Path) -> None:
        """The build command, with the folder in it."""
        with pytest.raises(NoVersionError) as caught:
            PinArtefact.open(tmp_path)
        assert str(caught.value) == (
            f"{tmp_path} is empty: nothing was published there. "
            f"Run: python -m index_builder build --data FOLDER --out {tmp_path}"
        )

    def test_a_version_can_be_named(self, tmp_path: Path) -> None:
        """The live one is the default."""
        first = publish(tmp_path, compass()).version
        second = publish(tmp_path, cloud(50, 8)).version
        assert PinArtefact.open(tmp_path).version == second
        assert PinArtefact.open(tmp_path, first).version == first
        with pytest.raises(ArtefactError, match="holds no version '000007-00000000'"):
            PinArtefact.open(tmp_path, "000007-00000000")

    def test_the_manifest_comes_along(self, tmp_path: Path) -> None:
        """What the build was told and what it counted."""

        def rename(manifest: PinManifest) -> PinManifest:
            return replace(manifest, libraries={"faiss-cpu": "9"})

        publish(tmp_path, compass(), change=rename)
        manifest = PinArtefact.open(tmp_path).manifest
        assert manifest.libraries == {"faiss-cpu": "9"}
        assert manifest.counts.pins == 38

    def test_arrays_outlive_it(self, tmp_path: Path) -> None:
        """What a request still holds stays valid when the version is swapped and closed."""
        pins = published(tmp_path, compass())
        embeddings = pins.embeddings
        pins.close()
        assert pins.pin_ids(np.array([9])) == ["90N"]
        del pins
        np.testing.assert_array_equal(embeddings, compass().rows.embeddings)

    def test_opening_again_and_again_leaks_no_file(self, tmp_path: Path) -> None:
        """Descriptors stay constant, night after night."""
        published(tmp_path, compass()).close()
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            PinArtefact.open(tmp_path).close()
        assert len(os.listdir("/proc/self/fd")) == before

    def test_vectors_are_mapped_not_copied(self, tmp_path: Path) -> None:
        """All workers of a machine share one copy in the page cache."""
        pins = published(tmp_path, compass())
        assert isinstance(pins.embeddings.base, np.memmap)
        assert isinstance(pins.representatives.base, np.memmap)
