"""What is served, as metrics tell it: how old it is, also of nights that brought nothing new."""

import math
import os
from contextlib import closing
from pathlib import Path

from server.metrics_serving import serving_of
from storage.pins.artefact import PinArtefact
from storage.publishing import VersionedFolder
from tests.profile_builder.world import make_pins
from tests.reliability.actions import publish_pins
from tests.storage.profiles.people import DESCRIPTION


def test_the_pins_are_as_old_as_the_build_that_made_them_last(tmp_path: Path) -> None:
    """Asked anew each time: a build that came to the same pins was there after the server opened them."""
    publish_pins(tmp_path, "first")
    manifest = VersionedFolder(tmp_path).folder() / "manifest.json"
    os.utime(manifest, (1_000_000, 1_000_000))
    with closing(PinArtefact.open(tmp_path)) as pins:
        serving = serving_of(pins, DESCRIPTION, tmp_path)
        assert serving.pins_made_s() == 1_000_000

        publish_pins(tmp_path, "first")
        assert VersionedFolder(tmp_path).current() == pins.version
        assert serving.pins_made_s() > 1_000_000
        assert math.isnan(serving.side_made_s())


def test_of_pins_that_are_in_no_folder_nobody_knows(tmp_path: Path) -> None:
    """Nothing is exposed then."""
    assert math.isnan(serving_of(make_pins(), DESCRIPTION, tmp_path).pins_made_s())
