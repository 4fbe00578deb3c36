"""RELIABILITY 17: whatever a request is made of, it is answered, or refused as the caller's mistake."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.reliability.servers import ROOT
from tests.reliability.shares import SHARE, seeds
from tests.waiting import HANG_S

atheris = pytest.importorskip("atheris", reason="atheris, which makes the requests, is not installed here")
pytestmark = pytest.mark.reliability

_FULL = 1_000_000
# A longer batch has more users, each of whom takes as long as a request: sizes have tests of their own.
_LARGEST = 1_024


def test_no_request_breaks_the_server(tmp_path: Path, tally: Counter[tuple[str, ...]]) -> None:
    """Messages cut, spliced and made up, to every method: no status but one that is due, every answer whole.

    Where one is found, atheris prints it and leaves it in a file.
    """
    from tests.reliability.fuzzing import examples  # noqa: PLC0415 - it needs atheris

    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for at, example in enumerate(examples()):
        (corpus / str(at)).write_bytes(example)
    (seed,) = seeds(1)
    ran = subprocess.run(
        [
            *(
                sys.executable,
                "-W",
                "ignore",
                "-m",
                "tests.reliability.fuzzing",
                str(tmp_path / "tally.json"),
            ),
            *(f"-runs={round(_FULL * SHARE)}", f"-seed={seed + 1}", f"-max_len={_LARGEST}", "-timeout=20"),
            *("-rss_limit_mb=1024", f"-artifact_prefix={tmp_path}/", str(corpus)),
        ],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        # All of them take minutes.
        timeout=HANG_S * (1 + 30 * SHARE),
    )

    assert ran.returncode == 0, ran.stderr[-4_000:]
    came_of = json.loads((tmp_path / "tally.json").read_text())
    # Some of them are whole, most are not: neither is met by chance alone.
    assert came_of["answered"] > 0
    assert came_of["INVALID_ARGUMENT"] > 0
    for outcome, n in came_of.items():
        tally["request", outcome] += n
