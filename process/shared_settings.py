"""Settings that several programs have: the same flag, variable and words wherever they stand."""

from pathlib import Path
from typing import Annotated

import typer

from process.commands import setting
from process.logs import LogFormat

PinsFolder = Annotated[Path, setting("Folder of the pin artefact.", env="PINS", metavar="DIR")]
ProfilesUrl = Annotated[
    str, setting("Profile store: a folder, or redis://HOST:PORT/DB.", env="PROFILES", metavar="URL")
]

VersionToMakeLive = Annotated[
    str | None,
    typer.Argument(help="The version to make live, as `list` shows it; default: the one before the live."),
]
KeptVersions = Annotated[int, setting("Keep the newest so many, too.", env="KEEP", low=1)]

NewEmbeddingSpace = Annotated[
    bool,
    setting(
        "Go live in place of another embedding space: the embeddings have changed on purpose.",
        env="NEW_EMBEDDING_SPACE",
    ),
]

MinShareOfLive = Annotated[
    float,
    setting(
        "Go live with no fewer pins, or users, than this share of the live version's; 0 asks for none.",
        env="MIN_SHARE_OF_LIVE",
        low=0,
        high=1,
    ),
]

ChosenLogFormat = Annotated[
    LogFormat, setting("auto is text on a terminal, json elsewhere.", env="LOG_FORMAT")
]
