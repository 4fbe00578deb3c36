"""The pin artefact's manifest as a typed record, to and from JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from storage.embedding_space import EmbeddingSpace
from storage.errors import DamagedArtefactError
from storage.manifests import Manifest
from storage.pins.layout import COLUMNS, FILES, INDEX
from storage.pins.records import record_of, require_integers

FORMAT = 1
KIND = "pins"
METRIC = "inner product of unit vectors"
# FAISS allocates what it is asked to search.
_MAX_GOLDEN_SEARCH = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of the rows that were read.

    Attributes:
        read: Rows of the input.
        rejected: Bad rows by reason.
        low_quality: Valid pins below the quality threshold: kept as vectors, not indexed.
        near_duplicates: Valid pins that a better one stands for: kept as vectors, not indexed.
        indexed: The refined pool.
    """

    read: int
    rejected: Mapping[str, int]
    low_quality: int
    near_duplicates: int
    indexed: int

    @property
    def pins(self) -> int:
        """All valid pins: the artefact's rows."""
        return self.low_quality + self.near_duplicates + self.indexed


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildParameters:
    """What decided which pins are indexed, and how.

    Attributes:
        quality_threshold: Pins of lower quality are not indexed, where the data has a quality.
        near_duplicate_cosine: From this cosine on two pins are near-duplicates.
        storage: How the index stores a vector's elements.
        m: HNSW's M, links a node and level (twice as many on the lowest).
        ef_construction: HNSW's efConstruction.
    """

    quality_threshold: float
    near_duplicate_cosine: float
    storage: str
    m: int
    ef_construction: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenQuery:
    """What the index answered to one of its own pins: `rows`, best first, with their cosines `scores`."""

    row: int
    rows: tuple[int, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenQueries:
    """Questions with known answers, asked whenever a version is opened: the `k` nearest at `ef_search`."""

    k: int
    ef_search: int
    queries: tuple[GoldenQuery, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """The index at one efSearch: mean recall@k, and one query's latency on one thread in microseconds."""

    ef_search: int
    recall: float
    mean_us: float
    p99_us: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The index against exact search: `n_queries` pins of the pool, each asked for its `k` nearest others."""

    k: int
    n_queries: int
    at: tuple[Measurement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PinManifest:
    """One version of the pins.

    Attributes:
        embedding_space: The space of every vector.
        counts: What became of the rows that were read.
        parameters: What the build was told.
        libraries: Name -> version of what computed it.
        golden: Questions with known answers.
        measured: Recall and latency.
        filter_columns: What pins can be filtered by, in order; their values are in a file of their own.
    """

    embedding_space: EmbeddingSpace
    counts: Counts
    parameters: BuildParameters
    libraries: Mapping[str, str]
    golden: GoldenQueries
    measured: Measured
    filter_columns: tuple[str, ...] = ()

    def to_json(self) -> Manifest:
        """The manifest's content for storage.publishing.

        The graph of an index that several threads built depends on how they were scheduled, and with it the
        golden answers: those are `observed`. Two builds of the same pins with the same parameters and
        libraries are one version.
        """
        return {
            "format": FORMAT,
            "kind": KIND,
            "embedding_space": asdict(self.embedding_space),
            "metric": METRIC,
            "counts": asdict(self.counts),
            "parameters": asdict(self.parameters),
            "libraries": dict(self.libraries),
            # A part that came later: versions without filter columns are as they were before.
            **({"filter_columns": list(self.filter_columns)} if self.filter_columns else {}),
            "observed": {
                "files": [INDEX],
                "measured": asdict(self.measured),
                "golden_queries": asdict(self.golden),
            },
        }

    @classmethod
    def from_json(cls, manifest: Manifest, *, where: object) -> "PinManifest":
        """Read what `to_json` wrote; `where` is the folder named in messages.

        Raises:
            DamagedArtefactError: It describes something else, or lacks a part.
        """
        if manifest.get("kind") != KIND:
            raise DamagedArtefactError(
                f"{where} holds {manifest.get('kind', 'something else')!s}, not pins: is it the right folder?"
            )
        try:
            return _parsed(manifest)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            fault = "lacks a part" if isinstance(error, KeyError | TypeError) else "says nonsense"
            raise DamagedArtefactError(f"the manifest in {where} {fault}: {error}. Build again.") from error


def _parsed(content: dict[str, Any]) -> PinManifest:
    filter_columns = _names(content.get("filter_columns", []))
    expected = {*FILES, COLUMNS} if filter_columns else set(FILES)
    if missing := expected - set(content["files"]):
        raise KeyError(", ".join(sorted(missing)))
    observed = content["observed"]
    measured, golden = observed["measured"], observed["golden_queries"]
    return PinManifest(
        embedding_space=record_of(EmbeddingSpace, content["embedding_space"]),
        counts=_counts(content["counts"]),
        parameters=record_of(BuildParameters, content["parameters"]),
        libraries=dict(content["libraries"]),
        measured=record_of(
            Measured, measured | {"at": tuple(record_of(Measurement, at) for at in measured["at"])}
        ),
        golden=_golden(golden),
        filter_columns=filter_columns,
    )


def _names(written: object) -> tuple[str, ...]:
    if not isinstance(written, list) or not all(isinstance(name, str) for name in written):
        raise TypeError(f"filter_columns is {written!r}")
    return tuple(written)


def _counts(written: dict[str, Any]) -> Counts:
    require_integers("rejected", list(written["rejected"].values()))
    return record_of(Counts, written)


def _golden(written: dict[str, Any]) -> GoldenQueries:
    queries = tuple(_golden_query(query) for query in written["queries"])
    golden = record_of(GoldenQueries, written | {"queries": queries})
    n_answers = {len(answers) for query in queries for answers in (query.rows, query.scores)}
    if len(n_answers) != 1 or max(golden.k, golden.ef_search) > _MAX_GOLDEN_SEARCH:
        raise ValueError("its golden queries cannot be asked")
    return golden


def _golden_query(written: dict[str, Any]) -> GoldenQuery:
    require_integers("rows", written["rows"])
    scores = tuple(float(score) for score in written["scores"])
    return record_of(GoldenQuery, written | {"rows": tuple(written["rows"]), "scores": scores})
