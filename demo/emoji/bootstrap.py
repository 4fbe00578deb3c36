"""Builds the emoji world: pins from `emoji`, vectors from WordLlama, saves from a seeded generator."""

from datetime import UTC, datetime

import numpy as np

from demo.emoji.people import Habits, simulate
from demo.emoji.pins import emoji_pins
from demo.emoji.settings import EmojiSettings
from demo.emoji.vectors import embed
from demo.emoji.writing import write_actions, write_dataset, write_pins
from process.progress import Reporter

# The people's newest save; no clock, so that the same seed writes the same bytes.
UNTIL_S = int(datetime(2026, 10, 1, tzinfo=UTC).timestamp())


def write_emoji_world(settings: EmojiSettings) -> None:
    """Write the data set; dataset.toml comes last, so a folder that has it is whole."""
    reporter, out = Reporter(), settings.out
    out.mkdir(parents=True, exist_ok=True)
    pins = emoji_pins()
    with reporter.step("Embed the emoji by name", len(pins)):
        vectors = embed([pin.meaning for pin in pins], out / "wordllama")
        write_pins(out / "pins.parquet", pins, vectors)
    with reporter.step("Simulate the people", settings.people):
        saves = simulate(
            pins,
            n_people=settings.people,
            until_s=UNTIL_S,
            generator=np.random.default_rng(settings.seed),
            habits=Habits(),
        )
        write_actions(out / "actions.parquet", saves)
    write_dataset(out)
    print(f"{len(pins):,} emoji as pins, {len(saves):,} saves by {settings.people:,} simulated people: {out}")
