"""The settings of `python -m evaluation.explaining`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from evaluation.settings import EvaluationSettings
from process.commands import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainingSettings(EvaluationSettings):
    """Why is one average hard to beat? An experiment for each possible cause, on the validation period."""

    out: Annotated[
        Path | None,
        setting(
            "Folder for report.json, report.html and finished stages; left out: build/eval/NAME-why.",
            env="EXPLAINING_OUT",
            metavar="FOLDER",
        ),
    ] = None
    max_cases: Annotated[
        int | None,
        setting(
            "Judge at most so many cases, drawn by chance.",
            env="EXPLAINING_MAX_CASES",
            low=1,
        ),
    ] = 1_500
