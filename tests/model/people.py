"""Users to test on: lists of actions, in the order they happened or in any other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.interests import Actions
from model.parameters import SECONDS_PER_DAY
from tests.model.vectors import TIED, unit_vectors, untied_points

NOW_S = 1_400_000_000


@dataclass(frozen=True)
class Action:
    """One action, as a person would write it down."""

    pin: str
    vector: NDArray[np.float16]
    days_ago: float = 0
    weight: float = 1


def actions_of(*actions: Action) -> Actions:
    """The model's arrays of these actions."""
    return Actions(
        pin_ids=tuple(action.pin for action in actions),
        vectors=np.stack([action.vector for action in actions]) if actions else TIED[:0],
        times_s=np.array([NOW_S - round(action.days_ago * SECONDS_PER_DAY) for action in actions], np.int64),
        weights=np.array([action.weight for action in actions], np.float64),
    )


def in_order(actions: Actions, order: Sequence[int]) -> Actions:
    """The same actions in another order."""
    index = np.array(order, np.int64)
    return Actions(
        pin_ids=tuple(actions.pin_ids[i] for i in order),
        vectors=actions.vectors[index],
        times_s=actions.times_s[index],
        weights=actions.weights[index],
    )


@st.composite
def any_actions(draw: st.DrawFn) -> Actions:
    """Up to 30 actions on up to 12 pins, four of them twins of others: full of ties of every kind."""
    pool = draw(st.sampled_from([TIED, unit_vectors(8, 16)]))
    return draw(_on_pins(np.concatenate([pool, pool[:4]])))


@st.composite
def untied_actions(draw: st.DrawFn) -> Actions:
    """Up to 30 actions on pins between which no two distances are the same."""
    return draw(_on_pins(draw(untied_points)))


@st.composite
def _on_pins(draw: st.DrawFn, vectors: NDArray[np.float16]) -> Actions:
    """The same pins, times and weights come back often."""
    one = st.tuples(
        st.integers(0, len(vectors) - 1), st.integers(0, 4), st.sampled_from([0.1, 0.7, 1.0, 3.0])
    )
    return actions_of(
        *(
            Action(f"pin-{pin}", vectors[pin], days_ago=days_ago, weight=weight)
            for pin, days_ago, weight in draw(st.lists(one, max_size=30))
        )
    )
