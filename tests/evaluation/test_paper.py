"""The paper's figures stand beside the methods that they belong to."""

from evaluation import paper
from evaluation.methods import DEFAULT, LAST_PIN, PAPERS
from evaluation.oracles import ORACLES


def test_every_figure_of_the_paper_finds_its_row() -> None:
    """No key is mistyped: a figure without a row would never be seen."""
    methods = {method.key for method in PAPERS}
    for lifts in (paper.RELEVANCE, paper.RECALL, paper.R_PRECISION, paper.RECIPROCAL_RANK):
        assert lifts.keys() < methods
    assert paper.TABLE_1.keys() < ORACLES.keys()


def test_what_the_paper_measures_by_has_no_lift_over_itself() -> None:
    """The last pin is the baseline of all five."""
    for lifts in (paper.TABLE_1, paper.RELEVANCE, paper.RECALL, paper.R_PRECISION, paper.RECIPROCAL_RANK):
        assert LAST_PIN.key not in lifts


def test_nothing_in_the_paper_is_ahead_of_its_own_setting() -> None:
    """As its text says of Tables 4 and 5."""
    for lifts in (paper.RELEVANCE, paper.RECALL, paper.R_PRECISION, paper.RECIPROCAL_RANK):
        assert max(lifts.values()) == lifts[DEFAULT.key]
