"""The experiments, in the order in which a reader meets them."""

from typing import Final

from evaluation.explaining import (
    anisotropy,
    budgets,
    denoising,
    drawing_interests,
    forgetting,
    fusion,
    granularity,
    hubs,
    list_size,
    steps,
)
from evaluation.explaining.experiment import Experiment

EXPERIMENTS: Final[tuple[Experiment, ...]] = (
    steps.EXPERIMENT,
    denoising.EXPERIMENT,
    granularity.EXPERIMENT,
    drawing_interests.EXPERIMENT,
    budgets.EXPERIMENT,
    list_size.EXPERIMENT,
    anisotropy.EXPERIMENT,
    hubs.EXPERIMENT,
    forgetting.EXPERIMENT,
    fusion.EXPERIMENT,
)
