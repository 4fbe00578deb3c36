"""The model's parameters: one frozen record, fixed once for an embedding space."""

import math
from dataclasses import dataclass, field

from model.errors import InvalidInputError
from model.fusing import FusePolicy

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What Algorithm 2 depends on besides the actions.

    Attributes:
        alpha: Ward's threshold, a squared Euclidean distance: clusters merge while d <= alpha (Algorithm 1).
            It belongs to the embedding space and is calibrated once (model.calibration).
        lambda_per_day: Decay of an action's weight, per day of age (eq. 3; the paper uses 0.01 and does not
            give the unit: the day is our reading).
        window_days: How many days of actions count (Section 4).
        representative_lambda_per_day: The same decay where representatives are chosen and weighed, who forget
            faster.
        fusing: How a user's representatives answer together.
    """

    alpha: float
    lambda_per_day: float = 0.01
    window_days: int = 90
    representative_lambda_per_day: float = 0.02
    fusing: FusePolicy = field(default_factory=FusePolicy)

    def __post_init__(self) -> None:
        if not 0 < self.alpha < math.inf:
            raise InvalidInputError(f"alpha must be a positive squared distance, got {self.alpha}")
        for name in ("lambda_per_day", "representative_lambda_per_day"):
            if not 0 <= (value := getattr(self, name)) < math.inf:
                raise InvalidInputError(f"{name} must be a number, 0 or more, got {value}")
        if not self.window_days > 0:
            raise InvalidInputError(f"window_days must be positive, got {self.window_days}")

    @property
    def window_s(self) -> int:
        """The window in seconds."""
        return self.window_days * SECONDS_PER_DAY
