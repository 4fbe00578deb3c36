"""The settings of `python -m demo.emoji`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from process.commands import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class EmojiSettings:
    """Write the emoji world as a data set: every emoji is a pin, and simulated people save them."""

    out: Annotated[Path, setting("Folder for the data set.", env="DEMO_EMOJI_OUT", metavar="FOLDER")]
    people: Annotated[
        int, setting("How many people to simulate.", env="DEMO_EMOJI_PEOPLE", low=1, high=100_000)
    ] = 400
    seed: Annotated[int, setting("The same seed writes the same bytes.", env="DEMO_EMOJI_SEED", low=0)] = 7
