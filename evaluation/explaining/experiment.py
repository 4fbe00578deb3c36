"""What an experiment is: a question, what is varied, what a case shows, and what follows from all cases."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from evaluation.explaining.fixed_temperature import FusePolicy
from evaluation.explaining.outcome import Outcome
from evaluation.explaining.sights import Sight
from evaluation.methods import DEFAULT_E, PAPERS_LAMBDA
from evaluation.protocol import Case, Protocol
from evaluation.results import Figure, Table, Threshold
from evaluation.worlds import World

FUSION = FusePolicy(n_representatives=20, temperature=0.3, fused_share=0.85)
"""The fused method of experiments that do not vary it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every case is observed with.

    Attributes:
        world: The data.
        protocol: How methods are judged.
        thresholds: float64 [2], of relevance: the calibrated one and the paper's.
        lambda_per_day: Decay of importance where it is not varied.
        e: Embeddings a request where they are not varied.
        fusion: The fused method where it is not varied.
    """

    world: World
    protocol: Protocol
    thresholds: NDArray[np.float64]
    lambda_per_day: float = PAPERS_LAMBDA
    e: int = DEFAULT_E
    fusion: FusePolicy = FUSION

    @property
    def n(self) -> int:
        """Candidates of an answer."""
        return self.protocol.n_candidates


Observation = Mapping[str, NDArray[np.float64]]
"""What one case shows: by key, arrays of one length for all cases."""
Observer = Callable[[Sight], Observation]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observed:
    """What all cases show.

    Attributes:
        cases: n, ordered by day.
        values: By key float64 [n, k].
        world: The data.
        protocol: How methods are judged.
        thresholds: Of relevance, the calibrated one and the paper's.
    """

    cases: Sequence[Case]
    values: Mapping[str, NDArray[np.float64]]
    world: World
    protocol: Protocol
    thresholds: tuple[Threshold, Threshold]

    def outcome(self, values: Mapping[str, NDArray[np.float64]], columns: Sequence[str]) -> Outcome:
        """Means, lifts and their intervals of some of the values."""
        return Outcome(values, columns, self.cases, n_resamples=self.protocol.n_resamples)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What follows.

    Attributes:
        answer: One sentence or two, made of the numbers.
        figures: By a key that is unique within the experiment.
        tables: The same.
    """

    answer: str
    figures: Mapping[str, Figure] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """One possible cause, and how to tell.

    Attributes:
        key: Names it in stages and in the report.
        question: For people, with its question mark.
        varied: What differs between the runs.
        fixed: What does not.
        observer: Makes what looks at a case; may prepare what is the same for all cases.
        conclude: Tables, figures and the answer.
    """

    key: str
    question: str
    varied: str
    fixed: str
    observer: Callable[[Bench], Observer]
    conclude: Callable[[Observed], Conclusion]
