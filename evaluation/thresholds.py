"""From which cosine a recommended pin is relevant: the paper's value, and values that suit other vectors."""

import numpy as np
from numpy.typing import NDArray

from evaluation.results import Threshold

PAPERS = 0.8
"""It belongs to PinSage vectors; elsewhere 0.8 may be next to never or nearly always reached."""
MAIN = "0.5%"
_SHARES = {MAIN: 0.005, "1%": 0.01, "0.1%": 0.001}

_N_PAIRS = 200_000


def thresholds_of(vectors: NDArray[np.float16], generator: np.random.Generator) -> tuple[Threshold, ...]:
    """The cosine that 0.5 % of random pairs of pins exceed, the paper's, and those of 1 % and 0.1 %."""
    cosines = _random_pairs(vectors, generator)
    calibrated = [
        Threshold(
            key=key,
            cosine=float(np.quantile(cosines, 1 - share)),
            origin=f"{key} of random pairs of pins exceed it",
            share_of_random_pairs=share,
        )
        for key, share in _SHARES.items()
    ]
    papers = Threshold(
        key="0.8",
        cosine=PAPERS,
        origin="the paper's, for PinSage vectors",
        share_of_random_pairs=float((cosines >= PAPERS).mean()),
    )
    main, *others = calibrated
    return (main, papers, *others)


def _random_pairs(vectors: NDArray[np.float16], generator: np.random.Generator) -> NDArray[np.float32]:
    first = generator.integers(len(vectors), size=_N_PAIRS)
    second = (first + generator.integers(1, len(vectors), size=_N_PAIRS)) % len(vectors)
    blocks = zip(np.array_split(first, 64), np.array_split(second, 64), strict=True)
    return np.concatenate([_cosines(vectors[i], vectors[j]) for i, j in blocks])


def _cosines(a: NDArray[np.float16], b: NDArray[np.float16]) -> NDArray[np.float32]:
    cosines: NDArray[np.float32] = np.einsum("ij,ij->i", a.astype(np.float32), b.astype(np.float32))
    return cosines
