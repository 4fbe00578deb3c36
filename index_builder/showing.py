"""What a person sees: the summary of a build, the table of versions, the word that a version is good."""

from collections.abc import Iterator, Sequence

from index_builder.build import Built
from process.showing import Column, counted, fact_lines, freed, shown_version, table_of_versions
from storage.pins.manifest import Measured, PinManifest
from storage.pins.port import EF_SEARCH
from storage.pins.verifying import Verified
from storage.publishing import VersionInfo
from storage.retention import Pruned

_COLUMNS = (
    Column("pins"),
    Column("indexed"),
    Column(f"recall (efSearch {EF_SEARCH})"),
    Column("d"),
    Column("embedding space", is_text=True),
)


def summary(built: Built) -> str:
    """A build in some lines."""
    return "\n".join(fact_lines(_summary_lines(built)))


def verified(verified: Verified) -> str:
    """The word that a version is good, what was checked, and how long that took."""
    checks = [(check.what, f"{check.found} ({check.seconds:,.2f} s)") for check in verified.checks]
    counts = f"{verified.n_pins:,} pins, {verified.n_indexed:,} indexed"
    good = f"{verified.version} OK: {counts}, verified in {verified.seconds:,.2f} s"
    return "\n".join([*fact_lines(checks), good])


def pruned(pruned: Pruned) -> str:
    """Which versions are gone, which stay and why."""
    return freed(
        [(each.name, each.n_bytes) for each in pruned.collected],
        [(each.name, each.why) for each in pruned.kept],
    )


def version_table(versions: Sequence[VersionInfo]) -> str:
    """One line a version, oldest first; those that cannot be read say why below."""
    return table_of_versions(versions, _COLUMNS, _cells)


def _summary_lines(built: Built) -> Iterator[tuple[str, str]]:
    counts = built.manifest.counts
    yield "read", counted(counts.read, "row")
    for reason, n in counts.rejected.items():
        yield "rejected", f"{n:,} {reason}"
    if counts.rejected:
        yield "", f"listed in {built.rejects_path}"
    yield "low quality", f"{counts.low_quality:,} (below {built.manifest.parameters.quality_threshold})"
    cosine = built.manifest.parameters.near_duplicate_cosine
    yield "near-duplicates", f"{counts.near_duplicates:,} (cosine {cosine} or more to a better pin)"
    yield "indexed", f"{counts.indexed:,} of {built.manifest.embedding_space}"
    if built.manifest.filter_columns:
        yield "filters", ", ".join(built.manifest.filter_columns)
    yield from _measured_lines(built.manifest)
    yield "version", shown_version(built.published.version, already_live=built.published.already_live)
    yield "in", str(built.published.folder)


def _measured_lines(manifest: PinManifest) -> Iterator[tuple[str, str]]:
    for at in manifest.measured.at:
        title = f"recall@{manifest.measured.k}"
        yield (
            title,
            f"{at.recall:.4f} at efSearch {at.ef_search}, {at.mean_us:,.0f} us (p99 {at.p99_us:,.0f})",
        )


def _cells(version: VersionInfo) -> list[str] | None:
    if version.problem:
        return None
    manifest = PinManifest.from_json(version.manifest, where=version.name)
    space, counts = manifest.embedding_space, manifest.counts
    shown = (f"{counts.pins:,}", f"{counts.indexed:,}", _recall(manifest.measured))
    return [*shown, str(space.dimension), space.name]


def _recall(measured: Measured) -> str:
    """What the build measured at the efSearch that servers search with unless they are told another."""
    return next((f"{at.recall:.4f}" for at in measured.at if at.ef_search == EF_SEARCH), "-")
