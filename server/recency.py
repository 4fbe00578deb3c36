"""Importances as another decay than the model's would have them: for variants of lambda.

A stored importance is the sum of an interest's decayed actions, which are not stored one by one. Each
interest is taken as if all of its actions were as old as its newest: exact for interests of one day, and for
the others the least that the other decay would change.
"""

from dataclasses import replace

import numpy as np

from model.interests import heaviest, order_of_importance
from model.parameters import SECONDS_PER_DAY
from server.profiles import UserProfile


def under_decay(profile: UserProfile, lambda_per_day: float, *, in_place_of: float) -> UserProfile:
    """The same user with importances that decay by another lambda, most important first.

    Args:
        profile: With importances now.
        lambda_per_day: The other lambda.
        in_place_of: The one they were computed with.
    """
    interests = profile.interests
    age_days = np.maximum(interests.computed_at_s - interests.last_action_times_s, 0) / SECONDS_PER_DAY
    factors = np.exp((in_place_of - lambda_per_day) * age_days)
    stood_for = interests.representatives
    weights = stood_for.weights * factors[stood_for.interests]
    weighed = replace(
        interests,
        importances=interests.importances * factors,
        representatives=heaviest(replace(stood_for, weights=weights), len(stood_for)),
    )
    order = order_of_importance(weighed)
    return replace(
        profile,
        interests=weighed.take(order),
        rows=profile.rows[order],
        origins=tuple(profile.origins[at] for at in order.tolist()),
    )
