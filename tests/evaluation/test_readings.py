"""A reader is told how the figures were made, and which of it the paper says."""

from dataclasses import replace

from evaluation.protocol import Protocol
from evaluation.readings import readings

PROTOCOL = Protocol()


def said(protocol: Protocol = PROTOCOL) -> dict[str, str]:
    return {reading.what: reading.value for reading in readings(protocol)}


def test_what_the_paper_leaves_open_is_marked_as_ours() -> None:
    """It gives no unit of lambda and no window of the experiment; it does give the candidates."""
    marked = {reading.what: reading.is_papers for reading in readings(PROTOCOL)}
    assert not any(marked[what] for what in ("Decay", "Window", "Weight within a day", "Past pins", "Pool"))
    assert all(marked[what] for what in ("Candidates", "Weight of a day", "Overlap", "Ranking"))


def test_the_words_follow_the_numbers() -> None:
    """Whatever the protocol is changed to."""
    assert said()["Candidates"].startswith("400, floor(400 / e)")
    assert said()["Sampling noise"] == "averaged over 20 draws"
    assert said(replace(PROTOCOL, n_seeds=3))["Sampling noise"].endswith("3 draws")
    assert said(replace(PROTOCOL, removes_past=False))["Past pins"].startswith("left in")


def test_the_bias_of_the_best_single_embedding_is_told() -> None:
    """The best of five on the same data is favoured by chance: lifts over it are too low."""
    assert "a little too low" in said()["Best single embedding"]
