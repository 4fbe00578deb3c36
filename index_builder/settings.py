"""What the index builder can be told, by flag or by variable: one record a command."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from process.commands import setting

Versions = Annotated[Path, setting("Folder of the pin artefact.", env="PINS", metavar="DIR")]


@dataclass(frozen=True, kw_only=True)
class BuildSettings:
    """Validate, refine and index pins, measure the index, and publish it as a new version."""

    out: Versions
    data: Annotated[
        Path | None, setting("Folder with a dataset.toml that names the pins.", env="DATA", metavar="FOLDER")
    ] = None
    pins: Annotated[
        Path | None,
        setting("Parquet file (or folder) of pins, instead of --data.", env="PINS_FILE", metavar="FILE"),
    ] = None
    embedding_space: Annotated[
        str | None,
        setting("Name and version of the embeddings; with --pins.", env="EMBEDDING_SPACE", metavar="NAME"),
    ] = None
    quality_threshold: Annotated[
        float,
        setting("Pins of lower quality are not indexed.", env="QUALITY_THRESHOLD", low=0, high=1),
    ] = 0.5
    near_duplicate_cosine: Annotated[
        float | None,
        setting(
            "Cosine from which pins are near-duplicates; when left out what dataset.toml says, else 0.98.",
            env="NEAR_DUPLICATE_COSINE",
            low=0,
            high=1,
        ),
    ] = None
    m: Annotated[int, setting("HNSW's M, links a node.", env="HNSW_M", low=2, high=512)] = 32
    ef_construction: Annotated[
        int, setting("HNSW's efConstruction.", env="HNSW_EF_CONSTRUCTION", low=1, high=10_000)
    ] = 200
    threads: Annotated[
        int | None,
        setting("Threads that build the index; all cores when left out.", env="BUILD_THREADS", low=1),
    ] = None
    max_reject_share: Annotated[
        float,
        setting("Stop when more than this share of the rows is bad.", env="MAX_REJECT_SHARE", low=0, high=1),
    ] = 0.05
    rejects: Annotated[
        Path | None,
        setting("Lists the bad rows; default: rejects.jsonl in --out.", env="PINS_REJECTS", metavar="FILE"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class VerifySettings:
    """Check a version down to every id, vector and golden query."""

    pins: Versions
    version: Annotated[
        str | None, setting("The version; the live one when left out.", env="PINS_VERSION", metavar="NAME")
    ] = None


@dataclass(frozen=True, kw_only=True)
class ListSettings:
    """List the versions, oldest first."""

    pins: Versions


@dataclass(frozen=True, kw_only=True)
class RollbackSettings:
    """Make a version live that was published before; going forward again works the same way."""

    version: Annotated[str, typer.Argument(help="The version to make live, as `list` shows it.")]
    pins: Versions
