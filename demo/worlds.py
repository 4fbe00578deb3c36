"""Where a demo world's data and everything built from it lie."""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One data set, and the folder for what is built from it.

    Attributes:
        data: A folder with a dataset.toml.
        folder: Holds the artefacts, the server's log and the stamps of the finished stages.
    """

    data: Path
    folder: Path

    @property
    def pins(self) -> Path:
        """The pin artefact's versions."""
        return self.folder / "pins"

    @property
    def model(self) -> Path:
        """The model's parameters."""
        return self.folder / "model.toml"

    @property
    def profiles(self) -> Path:
        """The profile store."""
        return self.folder / "profiles"

    @property
    def server_log(self) -> Path:
        """What the server said."""
        return self.folder / "server.log"


def folder_name(name: str) -> str:
    """A data set's name as the name of a folder: "My shop / 2" is "My-shop-2"."""
    return "-".join(re.findall(r"[\w.]+", name)).strip("-.") or "unnamed"
