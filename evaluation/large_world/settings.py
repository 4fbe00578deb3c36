"""The settings of `python -m evaluation.large_world`."""

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
