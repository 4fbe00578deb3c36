"""A task opens the artefact that the driver has, once a process; checksums are compared once a machine."""

import shutil
import tempfile
from pathlib import Path

import pytest

from profile_builder.spark import pins
from profile_builder.spark.pins import PinsPlace
from storage.errors import DamagedArtefactError, NoVersionError
from storage.pins.artefact import pin_versions
from tests.profile_builder.conftest import Shop


@pytest.fixture
def place(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> PinsPlace:
    """A copy of the artefact, on a machine where nobody has checked it."""
    monkeypatch.setattr(tempfile, "tempdir", str(shop.out))
    shutil.copytree(shop.pins, shop.out / "pins")
    pins._opened.cache_clear()
    return PinsPlace(str(shop.out / "pins"), pin_versions(shop.out / "pins").current())


def flip(place: PinsPlace) -> None:
    """Change a byte of a copy's vectors."""
    path = Path(place.root) / place.version / "embeddings.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def test_a_damaged_copy_is_refused(place: PinsPlace) -> None:
    """However the copy came to the machine."""
    flip(place)
    with pytest.raises(DamagedArtefactError, match=r"embeddings\.npy"):
        place.open()


def test_it_is_opened_once_a_process_and_hashed_once_a_machine(place: PinsPlace) -> None:
    """The second process does not read gigabytes again: a change since is nobody's promise."""
    assert place.open() is place.open()
    pins._opened.cache_clear()
    flip(place)
    assert place.open().n_pins == 40


def test_a_machine_without_it_says_where_it_was_looked_for(tmp_path: Path) -> None:
    """The folder is named: --spark-pins says where executors find it."""
    with pytest.raises(NoVersionError, match=f"of the pins in {tmp_path / 'nowhere'}.* --spark-pins"):
        PinsPlace(str(tmp_path / "nowhere"), "000001-00000000").open()
