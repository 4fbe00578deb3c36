"""The same pins under ids of one length, as the workload has them; all but ids is shared."""

import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa

from process.progress import Reporter
from storage.manifests import MANIFEST
from storage.pins.artefact import pin_versions
from storage.pins.layout import IDS, PINS
from storage.pins.manifest import FORMAT
from storage.pins.writing import write_ids
from storage.publishing import read_manifest

_PREFIX = "pin-"


def with_ids_of(n_bytes: int, pins: Path, folder: Path, reporter: Reporter) -> Path:
    """An artefact whose pins are called by their rows, "pin-00000042"; made unless it is there.

    Args:
        n_bytes: Of each id; 0 for the artefact as it is.
        pins: The artefact.
        folder: Where it is made.
        reporter: Told about it.
    """
    if not n_bytes:
        return pins
    original = pin_versions(pins).folder()
    root = folder / f"renamed-{original.name}-{n_bytes}"
    if not (root / "CURRENT").exists():
        root.mkdir(parents=True, exist_ok=True)
        with reporter.step(f"Give pins ids of {n_bytes} bytes"):
            pin_versions(root).publish(lambda to: _write(original, to, n_bytes))
    return root


def _write(original: Path, to: Path, n_bytes: int) -> dict[str, object]:
    manifest = read_manifest(original, newest_format=FORMAT)
    del manifest["files"]
    for path in original.iterdir():
        if path.name not in {PINS, IDS, MANIFEST}:
            _shared(path, to / path.name)
    n = len(np.load(original / IDS, mmap_mode="r")[0])
    digits = n_bytes - len(_PREFIX)
    write_ids(
        to, pa.array([f"{_PREFIX}{row:0{digits}d}" for row in range(n)], pa.large_string()), titles=None
    )
    return manifest


def _shared(original: Path, to: Path) -> None:
    try:
        os.link(original, to)
    except OSError:
        # Another disk.
        shutil.copyfile(original, to)
