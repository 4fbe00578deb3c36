"""The settings of `python -m evaluation`."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

from process.commands import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSettings:
    """Is it better than one embedding, on your data? The paper's offline experiments (Section 5.3)."""

    data: Annotated[Path, setting("Folder with a dataset.toml.", env="EVALUATION_DATA", metavar="FOLDER")]
    out: Annotated[
        Path | None,
        setting(
            "Folder for report.json, report.html and finished stages; left out: build/eval/NAME.",
            env="EVALUATION_OUT",
            metavar="FOLDER",
        ),
    ] = None
    about: Annotated[
        Path | None,
        setting(
            "The file to read in place of FOLDER/evaluation.toml; the flags below override what it says.",
            env="EVALUATION_ABOUT",
            metavar="FILE",
        ),
    ] = None
    note: Annotated[
        str, setting("What readers of the report must know about the data.", env="EVALUATION_NOTE")
    ] = ""
    test_from: Annotated[
        datetime | None,
        setting(
            "First day judged, UTC; the vectors must know nothing of it. Left out: the last days.",
            env="EVALUATION_TEST_FROM",
            metavar="YYYY-MM-DD",
        ),
    ] = None
    validation_days: Annotated[
        int | None, setting("Days for choosing; left out: 30.", env="EVALUATION_VALIDATION_DAYS", low=1)
    ] = None
    test_days: Annotated[
        int | None,
        setting("Days after those, for confirming; left out: 60.", env="EVALUATION_TEST_DAYS", low=1),
    ] = None
    max_cases: Annotated[
        int | None,
        setting(
            "Judge at most so many cases of each period, drawn by chance; left out: all.",
            env="EVALUATION_MAX_CASES",
            low=1,
        ),
    ] = None
    indexes: Annotated[
        Path,
        setting(
            "Folder for search indexes of pools, each built once; any number of data sets may share it.",
            env="EVALUATION_INDEXES",
            metavar="FOLDER",
        ),
    ] = Path("build/eval/indexes")
    pins: Annotated[
        Path | None,
        setting(
            "Pin artefact of the same pins, to measure what the refined pool saves; left out: not measured.",
            env="EVALUATION_PINS",
            metavar="DIR",
        ),
    ] = None
    processes: Annotated[
        int | None,
        setting(
            "Processes that measure; left out: one a core, or fewer for a very large pool, which each holds.",
            env="EVALUATION_PROCESSES",
            low=1,
        ),
    ] = None
