"""The sweep: the main methods on worlds that differ in one thing at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.comparing import Comparison, compared
from evaluation.large_world.parameters import Variation
from evaluation.methods import DEFAULT, SINGLES, TOP_10, Method
from evaluation.running import Plan, Setting, run
from process.progress import Reporter

METRICS = {
    "relevance@0.5%": "Relevance at the calibrated threshold",
    "relevance@0.8": "Relevance at cosine 0.8",
    "recall": "Recall",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What one world of the sweep showed.

    Attributes:
        variation: The world.
        comparison: Of its methods, on the test period.
        n_cases: How many cases it rests on.
        seconds: What measuring took, whenever that was.
    """

    variation: Variation
    comparison: Comparison
    n_cases: int
    seconds: float


def swept(variation: Variation, fused: Sequence[Method], setting: Setting, reporter: Reporter) -> Swept:
    """Measure one world: single embeddings, the default, the most important ten, and `fused`.

    Raises:
        EvaluationError: Nobody can be judged.
    """
    methods = (*SINGLES, DEFAULT, TOP_10)
    measured = run(Plan(name="sweep", period="test", methods=methods, fused=tuple(fused)), setting, reporter)
    comparison = compared(
        (*methods, *fused),
        measured.values,
        setting.thresholds,
        measured.cases,
        n_resamples=setting.protocol.n_resamples,
    )
    return Swept(
        variation=variation,
        comparison=comparison,
        n_cases=len(measured.cases),
        seconds=sum(measured.seconds.values()),
    )
