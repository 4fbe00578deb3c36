"""The settings of `python -m demo`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from process.commands import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings:
    """Build, serve and ask: the whole service at work on one data set, on your screen."""

    data: Annotated[
        Path | None,
        setting("Folder with a dataset.toml; left out: the emoji world.", env="DEMO_DATA", metavar="FOLDER"),
    ] = None
    users: Annotated[int, setting("How many people to show.", env="DEMO_USERS", low=1, high=20)] = 3
    out: Annotated[
        Path, setting("Folder for everything that is built.", env="DEMO_OUT", metavar="FOLDER")
    ] = Path("build/demo")
