"""What the reliability tests share: the process that forks, and the table of what was tried."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.zygote import Zygote


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """Runs tests.reliability.actions in children."""
    running = Zygote("tests.reliability.actions")
    yield running
    running.close()


Tally = Counter[tuple[str, ...]]


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Counts what came of each case; written to the folder PINNERSAGE_RELIABILITY_TALLY, if it is set."""
    counts: Tally = Counter()
    yield counts
    if folder := os.environ.get("PINNERSAGE_RELIABILITY_TALLY"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        with (Path(folder) / f"{request.node.originalname}.tsv").open("a") as table:
            table.writelines("\t".join((*key, str(count))) + "\n" for key, count in sorted(counts.items()))
