"""The emoji world once for all tests: its pins, and the data set its command writes."""

from pathlib import Path

import pytest

from demo.emoji.bootstrap import write_emoji_world
from demo.emoji.pins import EmojiPin, emoji_pins
from demo.emoji.settings import EmojiSettings


@pytest.fixture(scope="session")
def pins() -> dict[str, EmojiPin]:
    """Every emoji pin by its id."""
    return {pin.pin_id: pin for pin in emoji_pins()}


@pytest.fixture(scope="session")
def emoji_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the data set, as `python -m demo.emoji` writes it."""
    folder = tmp_path_factory.mktemp("emoji")
    write_emoji_world(EmojiSettings(out=folder))
    return folder
