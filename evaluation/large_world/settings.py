"""The settings of `python -m evaluation.large_world`, one record a command."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from process.commands import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeWorldSettings:
    """Write the large world as a data set: real titles are the pins, and simulated people act on them.

    Evaluate it with `python -m evaluation --data FOLDER --out DIR`.
    """

    titles: Annotated[
        Path,
        setting(
            "Parquet file of titles, with the columns item_id, title and subreddit.",
            env="LARGE_WORLD_TITLES",
            metavar="FILE",
        ),
    ]
    out: Annotated[Path, setting("Folder for the data set.", env="LARGE_WORLD_OUT", metavar="FOLDER")]
    world: Annotated[
        str,
        setting(
            '"main", "small" (50,000 titles, to try things out), or a world of the sweep, as "interests-5", '
            '"noise-0.25" or "pool-10000"; a wrong name lists them all.',
            env="LARGE_WORLD",
            metavar="NAME",
        ),
    ] = "main"
    cache: Annotated[
        Path,
        setting("Folder for the titles' vectors, made once.", env="LARGE_WORLD_CACHE", metavar="FOLDER"),
    ] = Path("build/eval/large")


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings:
    """Measure the main methods on every world of the sweep; what is finished is not run again."""

    titles: Annotated[
        Path,
        setting(
            "Parquet file of titles, with the columns item_id, title and subreddit.",
            env="LARGE_WORLD_TITLES",
            metavar="FILE",
        ),
    ]
    out: Annotated[
        Path,
        setting(
            "Folder for the worlds, finished stages and both reports.", env="SWEEP_OUT", metavar="FOLDER"
        ),
    ]
    axis: Annotated[
        str | None,
        setting(
            'Only this part of the sweep: "interests", "noise", "pool"; left out: all of it.',
            env="SWEEP_AXIS",
            metavar="NAME",
        ),
    ] = None
    max_cases: Annotated[
        int,
        setting("Judge at most so many cases of each world, drawn by chance.", env="SWEEP_MAX_CASES", low=1),
    ] = 300
    indexes: Annotated[
        Path,
        setting(
            "Folder for the search index of a pool of more than 500,000 pins, built once.",
            env="EVALUATION_INDEXES",
            metavar="FOLDER",
        ),
    ] = Path("build/eval/indexes")
    cache: Annotated[
        Path,
        setting("Folder for the titles' vectors, made once.", env="LARGE_WORLD_CACHE", metavar="FOLDER"),
    ] = Path("build/eval/large")
