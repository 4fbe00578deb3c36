"""Wires the index builder: from settings to the objects that do the work."""

import os
from dataclasses import dataclass
from pathlib import Path

from index_builder.adding import carried_over, side_listed, side_verified
from index_builder.build import BuildPolicy, build
from index_builder.errors import UsageError
from index_builder.hnsw import HnswParameters
from index_builder.refining import DEFAULT_NEAR_DUPLICATE_COSINE, Refinement
from index_builder.settings import (
    BuildSettings,
    ListSettings,
    PruneSettings,
    RollbackSettings,
    VerifySettings,
)
from index_builder.showing import pruned, summary, verified, version_table
from process.progress import Reporter
from storage.dataset import read_dataset
from storage.pins.artefact import pin_versions
from storage.pins.verifying import verify_version

REJECTS_FILE = "rejects.jsonl"


def run_build(settings: BuildSettings) -> None:
    """Build and publish a version, and say what came of it."""
    source = _source(settings)
    built = build(
        source.pins,
        source.embedding_space,
        pin_versions(settings.out),
        rejects_path=settings.rejects or settings.out / REJECTS_FILE,
        policy=_policy(settings, source),
        reporter=Reporter(),
        may_change_space=settings.new_embedding_space,
    )
    print(summary(built))
    _carry_over(settings.out)
    if settings.keep is not None:
        print(pruned(pin_versions(settings.out).prune(settings.keep)))


def run_verify(settings: VerifySettings) -> None:
    """Check a version and say that it is good; what is wrong is raised."""
    good = verified(verify_version(settings.pins, settings.version))
    side = side_verified(settings.pins) if settings.version is None else ""
    print("\n".join(filter(None, [good, side])))


def run_list(settings: ListSettings) -> None:
    """Print the table of versions."""
    folder = pin_versions(settings.pins)
    versions = folder.versions()
    if not versions:
        # Says why there is none.
        folder.current()
    print("\n".join(filter(None, [version_table(versions), side_listed(settings.pins)])))


def run_rollback(settings: RollbackSettings) -> None:
    """Make another version live."""
    folder, version = pin_versions(settings.pins), settings.version
    if version is None:
        version = folder.roll_back()
    else:
        folder.make_current(version)
    print(f"{version} is live in {settings.pins}.")
    _carry_over(settings.pins)


def _carry_over(root: Path) -> None:
    """Said apart from what went before: that is so, whatever comes of this."""
    told = carried_over(root)
    if told:
        print(told)


def run_prune(settings: PruneSettings) -> None:
    """Collect old versions, and say which."""
    print(pruned(pin_versions(settings.pins).prune(settings.keep)))


@dataclass(frozen=True)
class _Source:
    """What is built: the pins, their embedding space, what is known of it, and what pins are filtered by."""

    pins: Path
    embedding_space: str
    near_duplicate_cosine: float | None = None
    filter_columns: tuple[str, ...] = ()


def _source(settings: BuildSettings) -> _Source:
    """The data set, or the pins given in its place."""
    space = settings.embedding_space
    if settings.data is not None and settings.pins is None and space is None:
        data = read_dataset(settings.data)
        return _Source(data.pins, data.embedding_space, data.near_duplicate_cosine, data.filter_columns)
    if settings.pins is not None and settings.data is None and space is not None and space.strip():
        return _Source(settings.pins, space)
    raise UsageError(
        "give either --data FOLDER (its dataset.toml names pins and embedding space), or "
        "--pins FILE and --embedding-space NAME (what the owner of the embeddings calls them)"
    )


def _policy(settings: BuildSettings, source: _Source) -> BuildPolicy:
    cosines = (settings.near_duplicate_cosine, source.near_duplicate_cosine, DEFAULT_NEAR_DUPLICATE_COSINE)
    return BuildPolicy(
        refinement=Refinement(
            quality_threshold=settings.quality_threshold,
            near_duplicate_cosine=next(cosine for cosine in cosines if cosine is not None),
        ),
        hnsw=HnswParameters(
            m=settings.m,
            ef_construction=settings.ef_construction,
            storage=settings.storage,
            threads=settings.threads or len(os.sched_getaffinity(0)),
        ),
        max_reject_share=settings.max_reject_share,
        min_share_of_live=settings.min_share_of_live,
        filter_columns=tuple(dict.fromkeys(settings.filter_column or source.filter_columns)),
    )
