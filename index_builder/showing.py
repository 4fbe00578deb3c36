"""What a person sees: the summary of a build, the table of versions, the word that a version is good."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

from index_builder.build import Built
from storage.pins.artefact import PinArtefact
from storage.pins.manifest import PinManifest
from storage.publishing import VersionInfo

_COLUMNS = ("version", "live", "pins", "indexed", "d", "embedding space", "MB")
_TEXT_COLUMNS = {"version", "live", "embedding space"}


def summary(built: Built) -> str:
    """A build in some lines."""
    return "\n".join(f"  {title:<18}{text}" for title, text in _summary_lines(built))


def verified(pins: PinArtefact) -> str:
    """The word that a version is good."""
    checked = "checksums, golden queries, ids, representatives, vectors"
    return f"{pins.version} OK: {pins.n_pins:,} pins, {pins.n_indexed:,} indexed ({checked})"


def version_table(versions: Sequence[VersionInfo]) -> str:
    """One line a version, oldest first; those that cannot be read say why below."""
    table = [list(_COLUMNS), *(_cells(version) for version in versions)]
    widths = [max(len(row[at]) for row in table) for at in range(len(_COLUMNS))]
    lines = ["  ".join(map(_padded, row, widths, _COLUMNS)).rstrip() for row in table]
    return "\n".join(
        [*lines, *(f"! {version.name}: {version.problem}" for version in versions if version.problem)]
    )


def _summary_lines(built: Built) -> Iterator[tuple[str, str]]:
    counts = built.manifest.counts
    yield "read", f"{counts.read:,} rows"
    for reason, n in counts.rejected.items():
        yield "rejected", f"{n:,} {reason}"
    if counts.rejected:
        yield "", f"listed in {built.rejects_path}"
    yield "low quality", f"{counts.low_quality:,} (below {built.manifest.parameters.quality_threshold})"
    cosine = built.manifest.parameters.near_duplicate_cosine
    yield "near-duplicates", f"{counts.near_duplicates:,} (cosine {cosine} or more to a better pin)"
    yield "indexed", f"{counts.indexed:,} of {built.manifest.embedding_space}"
    yield from _measured_lines(built.manifest)
    again = " (the same as before: nothing was written)" if built.published.already_live else ""
    yield "version", f"{built.published.version}{again}"
    yield "in", str(built.published.folder)


def _measured_lines(manifest: PinManifest) -> Iterator[tuple[str, str]]:
    for at in manifest.measured.at:
        title = f"recall@{manifest.measured.k}"
        yield (
            title,
            f"{at.recall:.4f} at efSearch {at.ef_search}, {at.mean_us:,.0f} us (p99 {at.p99_us:,.0f})",
        )


def _cells(version: VersionInfo) -> list[str]:
    live = "*" if version.is_current else ""
    if version.problem:
        return [version.name, live, *["?"] * (len(_COLUMNS) - 2)]
    manifest = PinManifest.from_json(version.manifest, where=version.name)
    space, counts = manifest.embedding_space, manifest.counts
    numbers = [f"{counts.pins:,}", f"{counts.indexed:,}", str(space.dimension)]
    return [version.name, live, *numbers, space.name, f"{_megabytes(version):,.1f}"]


def _megabytes(version: VersionInfo) -> float:
    files = cast(dict[str, dict[str, Any]], version.manifest["files"])
    return float(sum(file["bytes"] for file in files.values())) / 1e6


def _padded(cell: str, width: int, column: str) -> str:
    return cell.ljust(width) if column in _TEXT_COLUMNS else cell.rjust(width)
