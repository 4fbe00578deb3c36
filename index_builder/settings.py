"""What the index builder can be told, by flag or by variable: one record a command."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from process.commands import setting
from process.shared_settings import (
    KeptVersions,
    MinShareOfLive,
    NewEmbeddingSpace,
    PinsFolder,
    VersionToMakeLive,
)
from storage.pins.hnsw import STORAGE, Storage


@dataclass(frozen=True, kw_only=True)
class BuildSettings:
    """Validate, refine and index pins, measure the index, and publish it as a new version."""

    out: PinsFolder
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
    filter_column: Annotated[
        list[str] | None,
        setting(
            "Column that requests may filter by; give it again for another. When left out, those that "
            "dataset.toml names.",
            env="FILTER_COLUMNS",
            metavar="NAME",
        ),
    ] = None
    m: Annotated[int, setting("HNSW's M, links a node.", env="HNSW_M", low=2, high=512)] = 32
    ef_construction: Annotated[
        int, setting("HNSW's efConstruction.", env="HNSW_EF_CONSTRUCTION", low=1, high=10_000)
    ] = 200
    storage: Annotated[
        Storage,
        setting("How the index stores an element: int8 is smaller and faster.", env="HNSW_STORAGE"),
    ] = STORAGE
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
    keep: Annotated[
        int | None,
        setting(
            "Then collect old versions, all but the newest so many; see prune. Default: none is collected.",
            env="KEEP",
            low=1,
        ),
    ] = None
    new_embedding_space: NewEmbeddingSpace = False
    min_share_of_live: MinShareOfLive = 0.5


@dataclass(frozen=True, kw_only=True)
class AddSettings:
    """Put new pins beside the live version, without a build. The next build takes in those its input has."""

    to: PinsFolder
    pins: Annotated[
        Path | None,
        setting(
            "Parquet file (or folder) of the new pins, of the artefact's embedding space. Left out, the pins "
            "added before are put beside the live version, as after a rollback.",
            env="PINS_FILE",
            metavar="FILE",
        ),
    ] = None
    max_reject_share: Annotated[
        float,
        setting("Stop when more than this share of the rows is bad.", env="MAX_REJECT_SHARE", low=0, high=1),
    ] = 0.05
    rejects: Annotated[
        Path | None,
        setting(
            "Lists the bad rows; default: rejects-added.jsonl in --to.", env="PINS_REJECTS", metavar="FILE"
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class VerifySettings:
    """Check a version down to every id, vector and golden query."""

    pins: PinsFolder
    version: Annotated[
        str | None, setting("The version; the live one when left out.", env="PINS_VERSION", metavar="NAME")
    ] = None


@dataclass(frozen=True, kw_only=True)
class ListSettings:
    """List the versions, oldest first."""

    pins: PinsFolder


@dataclass(frozen=True, kw_only=True)
class RollbackSettings:
    """Make an earlier version live. Going forward again works the same way."""

    pins: PinsFolder
    version: VersionToMakeLive = None


@dataclass(frozen=True, kw_only=True)
class PruneSettings:
    """Collect old versions. The live one, the one before it, and those that a process uses always stay."""

    pins: PinsFolder
    keep: KeptVersions = 3


@dataclass(frozen=True, kw_only=True)
class BlockSettings:
    """Take pins down. Every running server hides them, with all their near-duplicates, within 5 s."""

    pin_ids: Annotated[
        list[str], typer.Argument(metavar="ID", help="The pins; after -- if one begins with -.")
    ]
    pins: PinsFolder
    only: Annotated[
        bool, setting("The pins alone: their near-duplicates go on being shown.", env="BLOCK_ONLY")
    ] = False
    note: Annotated[
        str | None,
        setting("Kept beside them: who asked for it, when, why.", env="BLOCK_NOTE", metavar="TEXT"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class UnblockSettings:
    """Show pins again that were blocked."""

    pin_ids: Annotated[
        list[str], typer.Argument(metavar="ID", help="The pins; after -- if one begins with -.")
    ]
    pins: PinsFolder


@dataclass(frozen=True, kw_only=True)
class BlockedSettings:
    """List the blocked pins. Lines of blocked.txt that cannot be read are named, too."""

    pins: PinsFolder
