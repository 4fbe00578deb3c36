"""The build: from pins to a published version, step by step."""

from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from index_builder.hnsw import HnswParameters, build_hnsw
from index_builder.measuring import measure
from index_builder.reading import ValidPins, read_pins
from index_builder.refining import RefinedPins, Refinement, refine
from index_builder.succession import Succession
from index_builder.work import Work, work_in
from process.progress import Reporter
from storage.embedding_space import EmbeddingSpace
from storage.pins.artefact import PinArtefact
from storage.pins.golden import ask_golden
from storage.pins.hnsw import Hnsw, HnswSearch
from storage.pins.manifest import BuildParameters, Counts, PinManifest
from storage.pins.writing import write_pins
from storage.publishing import Manifest, Published, VersionedFolder
from storage.rejects import Rejects

_LIBRARIES = ("faiss-cpu", "numpy")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPolicy:
    """What a build is told besides its input.

    Attributes:
        refinement: Which pins are not indexed.
        hnsw: How the graph is built.
        max_reject_share: The build stops when more than this share of the rows is bad.
        min_share_of_live: It stops when it would index fewer pins than this share of the live version's.
        filter_columns: The pins' columns that requests may filter by.
    """

    refinement: Refinement = field(default_factory=Refinement)
    hnsw: HnswParameters = field(default_factory=HnswParameters)
    max_reject_share: float = 0.05
    min_share_of_live: float = 0.0
    filter_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What came of a build.

    Attributes:
        published: The live version.
        manifest: Of this build, also where `already_live`: what was measured is new then.
        rejects_path: Where the bad rows are listed.
    """

    published: Published
    manifest: PinManifest
    rejects_path: Path


def build(
    pins_path: Path,
    embedding_space: str,
    folder: VersionedFolder,
    *,
    rejects_path: Path,
    policy: BuildPolicy,
    reporter: Reporter,
    may_change_space: bool = False,
) -> Built:
    """Read, refine, index, measure and publish the pins at `pins_path`.

    What a build that was killed had finished of the same pins is not done again (index_builder.work).

    Args:
        pins_path: A parquet file, or a folder of them.
        embedding_space: The name of the pins'.
        folder: Where the version goes.
        rejects_path: Where bad rows are listed.
        policy: How it is built.
        reporter: Who hears of the progress.
        may_change_space: Whether pins of another embedding space than the live version's may go live.

    Raises:
        EmbeddingSpaceMismatchError: They may not, and are of another.
        PublishError: Far fewer pins would be indexed than are now.
        StorageError: The input is bad, or the version cannot be written; what was live still is.
    """
    succession = Succession(folder, embedding_space, may_change=may_change_space)
    succession.require()
    with work_in(folder.root, reporter) as work:
        with Rejects(rejects_path) as rejects:
            refined, counts = _read_and_refine(
                pins_path, rejects, policy, reporter, work, succession=succession
            )
        pool = refined.rows.embeddings[: refined.indexed]
        index = build_hnsw(pool, policy.hnsw, reporter, work)
        search = HnswSearch(index, pool)
        manifest = PinManifest(
            embedding_space=EmbeddingSpace(embedding_space, pool.shape[1]),
            counts=counts,
            parameters=_parameters(policy),
            libraries={name: version(name) for name in _LIBRARIES},
            golden=ask_golden(search.search, pool),
            measured=measure(search, pool, reporter),
            filter_columns=tuple(sorted(refined.rows.columns)),
        )
        with reporter.step("Publish"):
            published = folder.publish(lambda draft: _write(draft, refined, index, manifest))
        work.collect()
    return Built(published=published, manifest=manifest, rejects_path=rejects_path)


def _read_and_refine(
    pins_path: Path,
    rejects: Rejects,
    policy: BuildPolicy,
    reporter: Reporter,
    work: Work,
    *,
    succession: Succession,
) -> tuple[RefinedPins, Counts]:
    """The refined pins. The pins as they were read end here: two copies need not outlive this step."""
    valid = read_pins(
        pins_path,
        rejects,
        reporter,
        max_reject_share=policy.max_reject_share,
        filter_columns=policy.filter_columns,
    )
    succession.require(valid.embeddings.shape[1])
    refined = refine(valid, policy.refinement, reporter, work)
    succession.require_indexed(refined.indexed, policy.min_share_of_live)
    return refined, _counts(valid, rejects, refined)


def _write(draft: Path, refined: RefinedPins, index: Hnsw, manifest: PinManifest) -> Manifest:
    write_pins(draft, refined.rows, index)
    # Read back what was written: golden queries that fail here fail before anything is live.
    PinArtefact(draft, manifest).close()
    return manifest.to_json()


def _counts(valid: ValidPins, rejects: Rejects, refined: RefinedPins) -> Counts:
    return Counts(
        read=valid.n_read,
        rejected=dict(sorted(rejects.counts.items())),
        low_quality=refined.low_quality,
        near_duplicates=refined.near_duplicates,
        indexed=refined.indexed,
    )


def _parameters(policy: BuildPolicy) -> BuildParameters:
    return BuildParameters(
        quality_threshold=policy.refinement.quality_threshold,
        near_duplicate_cosine=policy.refinement.near_duplicate_cosine,
        storage=policy.hnsw.storage.value,
        m=policy.hnsw.m,
        ef_construction=policy.hnsw.ef_construction,
    )
