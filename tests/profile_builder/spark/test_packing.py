"""What spark-submit takes along."""

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from tests.architecture.sources import ROOT


def pack(folder: Path) -> Path:
    """The zip of our own code; the packages of others are said to be packed already."""
    shutil.copy(ROOT / "requirements-spark-executor.lock", folder / ".packed")
    subprocess.run(
        [str(ROOT / "profile_builder/spark/package.sh"), str(folder), sys.executable], cwd=ROOT, check=True
    )
    return folder / "pinnersage.zip"


def test_nothing_compiled_is_packed(tmp_path: Path) -> None:
    """Executors may have another processor and another system: they get Python's sources alone."""
    with ZipFile(pack(tmp_path)) as archive:
        assert {Path(name).suffix for name in archive.namelist()} == {".py"}


def test_it_runs_from_the_archive_without_compiled_loops(tmp_path: Path) -> None:
    """What an executor imports is in the archive, and no loop is found beside it."""
    archive = pack(tmp_path)
    program = (
        f"import sys; sys.path.insert(0, {str(archive)!r})\n"
        "import storage.pins.artefact\n"
        "from storage.compiled import compiled\n"
        "print(storage.pins.artefact.__file__, compiled('storage.pins._lookup'))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert said.split() == [str(archive / "storage/pins/artefact.py"), "None"]
