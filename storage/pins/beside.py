"""Which of the published sides stands beside a version of the pins."""

from pathlib import Path

from storage.manifests import Manifest
from storage.pins.side import Side, SideRows, side_versions


def version_beside(root: Path, main: str) -> str | None:
    """The side of a version of the pins: the live one, or the last before it that stands beside that.

    What is live stands beside another after a rollback, or when another version has been built.

    Raises:
        NoVersionError: Nothing was ever added.
    """
    folder = side_versions(root)
    live, beside = folder.current(), None
    for version in folder.versions():
        if _beside(version.manifest) == main:
            beside = version.name
        if version.name == live:
            break
    return beside


def side_beside(root: Path, main: str) -> SideRows | None:
    """What stands beside a version of the pins; None when nothing does.

    Raises:
        NoVersionError: Nothing was ever added.
        ArtefactError: It cannot be read.
    """
    version = version_beside(root, main)
    return None if version is None else Side.open(root, version).rows


def _beside(manifest: Manifest) -> str:
    beside = manifest.get("beside")
    return str(beside.get("version")) if isinstance(beside, dict) else ""
