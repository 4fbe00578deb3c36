"""The answer on the first screen says what the tables say, of the method chosen before the test."""

from dataclasses import replace

import pytest

from evaluation.report.answer import answer
from evaluation.results import Cell, Column, Lift, Report, Row, Table
from tests.evaluation.report.conftest import retrieval_table


def row(name: str, kind: str, lift: Lift) -> Row:
    return Row(name=name, kind=kind, cells={"recall": Cell(value=0.1, over_best_single=lift)})


def table(*rows: Row) -> Table:
    return Table(title="Table 4", columns={"recall": Column(title="Recall", unit="share")}, rows=rows)


def verdict(report: Report, lift: Lift) -> str:
    found = answer(replace(report, tables={"table4.test": table(row("Fused", "fused", lift))}))
    assert found is not None
    return found.verdict


@pytest.mark.parametrize(
    ("lift", "expected"),
    [
        (Lift(value=0.05, low=0.01, high=0.09), "Yes."),
        (Lift(value=0.05, low=-0.01, high=0.11), "Not measurably: the difference is within the noise."),
        (Lift(value=0.05), "Not measurably: the difference is within the noise."),
        (Lift(value=-0.05, low=-0.11, high=0.01), "Not measurably: the difference is within the noise."),
        (Lift(value=-0.05, low=-0.09, high=-0.01), "No."),
    ],
)
def test_the_verdict_is_as_certain_as_the_intervals(
    minimal_report: Report, lift: Lift, expected: str
) -> None:
    """Yes needs an interval above zero, no one below; without an interval nothing is certain."""
    assert verdict(minimal_report, lift) == expected


@pytest.mark.parametrize(
    ("lift", "expected"),
    [
        (
            Lift(value=0.01, low=-0.1, high=0.1),
            "Yes in relevance at cosine ≥ 0.62 and relevance at cosine ≥ 0.80; ",
        ),
        (Lift(value=0.01), "Yes in relevance at cosine ≥ 0.62 and relevance at cosine ≥ 0.80; "),
    ],
)
def test_what_is_within_the_noise_is_said_to_be(village_report: Report, lift: Lift, expected: str) -> None:
    """A measure whose interval holds zero, or that has none, is neither better nor worse."""
    test = village_report.tables["table4.test"]
    fused = test.rows[-1]
    unsure = replace(
        fused, cells={**fused.cells, "recall": replace(fused.cells["recall"], over_best_single=lift)}
    )
    report = replace(village_report, tables={"table4.test": replace(test, rows=(*test.rows[:2], unsure))})
    found = answer(report)
    assert found is not None
    assert found.verdict == f"{expected}the rest is within the noise."


def test_a_gain_in_one_measure_and_a_loss_in_another_is_no_yes(village_report: Report) -> None:
    """Better in relevance and worse in recall is said as both."""
    test = village_report.tables["table4.test"]
    fused = test.rows[-1]
    worse = replace(fused.cells["recall"], over_best_single=Lift(value=-0.1, low=-0.2, high=-0.05))
    mixed = replace(test, rows=(*test.rows[:2], replace(fused, cells={**fused.cells, "recall": worse})))
    found = answer(replace(village_report, tables={"table4.test": mixed}))
    assert found is not None
    assert found.verdict == (
        "Better in relevance at cosine ≥ 0.62 and relevance at cosine ≥ 0.80, worse in recall."
    )


def test_the_method_is_chosen_on_validation_and_judged_on_the_test(minimal_report: Report) -> None:
    """A method that shines in the test alone was not the choice."""
    validation = table(row("Steady", "fused", Lift(value=0.2)), row("Lucky", "fused", Lift(value=0.1)))
    test = table(
        row("Steady", "fused", Lift(value=-0.1, low=-0.2, high=-0.05)),
        row("Lucky", "fused", Lift(value=0.3, low=0.2, high=0.4)),
    )
    found = answer(replace(minimal_report, tables={"table4.validation": validation, "table4.test": test}))
    assert found is not None
    assert found.verdict == "No."
    assert "“Steady”" in found.sentences[0]


def test_the_sentences_carry_the_numbers(village_report: Report) -> None:
    """Lift, interval, absolute values, the best single embedding and the paper's own setting are there."""
    found = answer(village_report)
    assert found is not None
    assert found.verdict == "Yes."
    first, second = (sentence.replace("\N{NARROW NO-BREAK SPACE}", " ") for sentence in found.sentences)
    assert "“10 medoids fused, T = 0.3, 30% interleaved”" in first
    assert "+12.0 % (9.0 to 15.0 %) in recall" in first
    assert "recall is 7.00 % against 6.25 % of “Decay average, λ = 0.01”" in second
    assert "the paper’s own setting stands at −4.0 %, −4.0 % and −4.0 %" in second


def test_without_a_fused_method_pinnersage_itself_is_judged(village_report: Report) -> None:
    """Its best variant in validation is the one that the answer speaks of."""
    test = village_report.tables["table4.test"]
    found = answer(replace(village_report, tables={"table4.test": replace(test, rows=test.rows[:4])}))
    assert found is not None
    assert found.verdict == "No."
    assert "“PinnerSage (Ward, medoid, λ = 0.01: the default)”" in found.sentences[0]


def test_nothing_is_answered_without_a_comparison(minimal_report: Report) -> None:
    """No table, or a table of single embeddings only, gives no answer."""
    assert answer(minimal_report) is None
    singles = retrieval_table("Table 4").rows[:2]
    assert answer(replace(minimal_report, tables={"table4.test": table(*singles)})) is None
