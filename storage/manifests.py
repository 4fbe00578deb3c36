"""The manifest every published version carries: what it is, and the size and SHA-256 of each of its files."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from storage.errors import DamagedArtefactError, UnknownFormatError

Manifest = dict[str, object]

MANIFEST = "manifest.json"
_SEAL = "sha256"
_MAX_BYTES = 16 << 20
_MEND = "Restore it from a copy, roll back to another version, or build again."


def describe_files(paths: Iterable[Path]) -> dict[str, dict[str, object]]:
    """The manifest's "files": name -> bytes and SHA-256 of each file, by name."""
    return {
        path.name: {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in sorted(paths, key=lambda path: path.name)
    }


def encode_manifest(manifest: Manifest) -> bytes:
    """The manifest as its file holds it: JSON for people, closed by the checksum of everything before."""
    content = {key: value for key, value in manifest.items() if key != _SEAL}
    return _json({**content, _SEAL: hashlib.sha256(_json(content)).hexdigest()})


def identity(manifest: Manifest) -> str:
    """SHA-256 (hex) of what a version is: its manifest without what two runs on one input need not share.

    That is `observed` (measurements, and answers that depend on how threads were scheduled) and the checksums
    of the files named in `observed["files"]`. Versions of one identity are interchangeable.
    """
    observed = manifest.get("observed")
    varying = observed.get("files") if isinstance(observed, dict) else ()
    # It may be anybody's manifest: read_manifest asks whether it is the folder's.
    varying = varying if isinstance(varying, list | tuple) else ()
    files = cast(dict[str, object], manifest["files"])
    same = {key: value for key, value in manifest.items() if key not in {"observed", _SEAL}}
    same["files"] = {name: "varies" if name in varying else entry for name, entry in files.items()}
    return hashlib.sha256(_json(same)).hexdigest()


def read_manifest(folder: Path, *, newest_format: int = 1) -> Manifest:
    """The manifest of one version, checked against the checksum it carries.

    Args:
        folder: The version's folder.
        newest_format: The newest `format` that the caller understands.

    Raises:
        DamagedArtefactError: It is missing, or not what was written.
        UnknownFormatError: It was written by a newer version of this software.
    """
    path = folder / MANIFEST
    try:
        raw = _read(path)
        manifest: Manifest = json.loads(raw)
        is_whole = isinstance(manifest, dict) and encode_manifest(manifest) == raw
    except FileNotFoundError as error:
        raise DamagedArtefactError(f"{path} is missing: the version was never finished. {_MEND}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedArtefactError(f"{path} cannot be read: {error}. {_MEND}") from error
    if not is_whole:
        raise DamagedArtefactError(
            f"{path} does not match its own checksum: it was changed or damaged. {_MEND}"
        )
    _require_known_format(path, manifest, newest_format)
    _require_files(path, manifest)
    _require_own_name(path, manifest)
    return manifest


def verify_files(folder: Path, manifest: Manifest, *, checksums: bool) -> None:
    """Compare a version's files with its manifest: presence and sizes, then (if asked) SHA-256.

    Raises:
        DamagedArtefactError: Names the first file that is not what was published.
    """
    files = cast(dict[str, dict[str, object]], manifest["files"])
    for name, expected in files.items():
        _require_size(folder / name, cast(int, expected["bytes"]))
    for name, expected in files.items() if checksums else ():
        if sha256_of(folder / name) != expected["sha256"]:
            raise DamagedArtefactError(f"{folder / name} does not match its checksum: it is damaged. {_MEND}")


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> bytes:
    """The file, if it is no longer than a manifest can be."""
    with path.open("rb") as file:
        raw = file.read(_MAX_BYTES + 1)
    if len(raw) > _MAX_BYTES:
        raise ValueError(f"it is longer than {_MAX_BYTES:,} bytes")
    return raw


def _require_files(path: Path, manifest: Manifest) -> None:
    """The files are described as describe_files does, and are names in this folder."""
    files = manifest.get("files")
    if not isinstance(files, dict) or not all(_is_described(name, entry) for name, entry in files.items()):
        raise DamagedArtefactError(f"{path} does not say which files belong to the version. {_MEND}")


def _is_described(name: str, entry: object) -> bool:
    is_in_folder = Path(name).name == name and name not in {"", ".", ".."}
    is_entry = isinstance(entry, dict) and isinstance(entry.get("bytes"), int) and "sha256" in entry
    return is_in_folder and is_entry


def _require_own_name(path: Path, manifest: Manifest) -> None:
    """A version is named by its identity: the whole manifest of another is noticed."""
    number, _, tag = path.parent.name.partition("-")
    if number.isdigit() and tag and not identity(manifest).startswith(tag):
        raise DamagedArtefactError(f"{path} is another version's, or its folder was renamed. {_MEND}")


def _require_known_format(path: Path, manifest: Manifest, newest_format: int) -> None:
    written = manifest.get("format")
    if not isinstance(written, int) or not 1 <= written <= newest_format:
        raise UnknownFormatError(
            f"{path} is of format {written}, this software knows formats 1 to {newest_format}: "
            "it was written by a newer version. Upgrade this software, or roll back to an older version."
        )


def _require_size(path: Path, expected: int) -> None:
    if not path.is_file():
        raise DamagedArtefactError(f"{path} is missing. {_MEND}")
    size = path.stat().st_size
    if size != expected:
        raise DamagedArtefactError(
            f"{path} has {size:,} bytes instead of {expected:,}: it is damaged. {_MEND}"
        )


def _json(content: Manifest) -> bytes:
    return json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False).encode() + b"\n"
