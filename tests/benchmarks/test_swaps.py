"""What the benchmark of swaps swaps: two versions that differ in nothing but their names."""

from pathlib import Path

from benchmarks.serving.swaps import twins
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.layout import EMBEDDINGS
from tests.storage.pins.worlds import cloud, publish


def test_twins_are_two_versions_of_the_same_pins(tmp_path: Path) -> None:
    """Both whole to the last byte, sharing their data with the original; made once."""
    original = publish(tmp_path / "pins", cloud(300, 16))
    root = twins(tmp_path / "pins", tmp_path)

    first, second = (each.name for each in pin_versions(root).versions())
    assert first != second
    for each in (first, second):
        PinArtefact.open(root, each, checksums=True).close()
        assert (root / each / EMBEDDINGS).samefile(original.folder / EMBEDDINGS)
    assert twins(tmp_path / "pins", tmp_path) == root
    assert len(pin_versions(root).versions()) == 2
