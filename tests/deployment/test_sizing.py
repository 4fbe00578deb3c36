"""The sizing table of docs/operations.md is what its measured constants come to."""

import pytest

from tests.deployment.sizing import DOCUMENT, LIST_US, USER_US, WARM_US, call_us, written


def test_the_table_is_worked_out() -> None:
    """Nobody wrote a number by hand: `python -m tests.deployment.sizing` writes them."""
    assert DOCUMENT.read_text(encoding="utf-8") == written()


def test_a_call_costs_what_it_lacks() -> None:
    """Nothing more with all at hand; one list of three and half a user for what is away so often."""
    assert call_us(cached=1, in_memory=1) == WARM_US
    assert call_us(cached=2 / 3, in_memory=0.5) == pytest.approx(WARM_US + LIST_US + USER_US / 2)
