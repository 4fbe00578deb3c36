"""From measurements to the report: tables, figures and what they say."""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from evaluation import paper
from evaluation.choosing import CRITERION, RULE, lifts_of
from evaluation.comparing import Comparison, compared, ranking_columns, retrieval_columns
from evaluation.methods import DEFAULT, FIGURE_7, LAST_PIN, SERVED, Method
from evaluation.oracles import ORACLES
from evaluation.protocol import Case
from evaluation.readings import readings
from evaluation.resampling import resample
from evaluation.results import (
    Cell,
    Column,
    Figure,
    Gallery,
    Lift,
    Report,
    Row,
    Series,
    Table,
    WorldSummary,
)
from evaluation.running import CLUSTERS_STAGE, DIVERSITY, ORACLE_STAGE, Measured, Setting
from evaluation.worlds import World

_RETRIEVAL_PAPER = {"relevance@0.8": paper.RELEVANCE, "recall": paper.RECALL}
_RANKING_PAPER = {"r_precision": paper.R_PRECISION, "reciprocal_rank": paper.RECIPROCAL_RANK}


def method_tables(period: str, comparison: Comparison, setting: Setting) -> dict[str, Table]:
    """Tables 4 and 5 of one period."""
    note = "Every day counts the same, and within a day every user. Intervals: 95 %, over users."
    return {
        f"table4.{period}": comparison.table(
            f"Table 4: relevance and recall, {period}",
            note,
            retrieval_columns(setting.thresholds),
            _RETRIEVAL_PAPER,
        ),
        f"table5.{period}": comparison.table(
            f"Table 5: ranking, {period}", note, ranking_columns(), _RANKING_PAPER
        ),
    }


def kept_table(comparison: Comparison, setting: Setting) -> dict[str, Table]:
    """Table 4 with the past pins left in."""
    return {
        "table4_kept.validation": comparison.table(
            "Table 4 with users' past pins left in, validation",
            "The same, but past pins may be recommended, and count when they are acted on again.",
            retrieval_columns(setting.thresholds),
            _RETRIEVAL_PAPER,
        )
    }


def oracle_table(measured: Measured, setting: Setting) -> dict[str, Table]:
    """Table 1."""
    arrays = [measured.values[f"{ORACLE_STAGE}.{key}"] for key in ORACLES]
    resampled = resample(
        measured.cases,
        np.concatenate(arrays, axis=1),
        setting.protocol.n_resamples,
        np.random.default_rng(0),
    )
    n = len(setting.thresholds)

    def cell(at: int, i: int, key: str) -> Cell:
        low, high = resampled.interval(at * n + i)
        return Cell(
            value=float(resampled.means[at * n + i]),
            low=low,
            high=high,
            over_last_pin=resampled.lift(at * n + i, i),
            paper=paper.TABLE_1.get(key) if setting.thresholds[i].key == "0.8" else None,
        )

    rows = tuple(
        Row(
            name=title,
            kind="oracle" if "oracle" in key else "single",
            cells={
                f"accuracy@{threshold.key}": cell(at, i, key)
                for i, threshold in enumerate(setting.thresholds)
            },
        )
        for at, (key, title) in enumerate(ORACLES.items())
    )
    columns = {
        f"accuracy@{threshold.key}": Column(title=f"Accuracy, cosine ≥ {threshold.cosine:.2f}", unit="share")
        for threshold in setting.thresholds
    }
    note = (
        "The share of action pins whose cosine to the user's embedding reaches the threshold (our reading of "
        "the paper's accuracy). An oracle picks, of its embeddings, the nearest to each action pin."
    )
    return {"table1.test": Table(title="Table 1: oracles, test", note=note, columns=columns, rows=rows)}


def embeddings_figures(measured: Measured, setting: Setting) -> dict[str, Figure]:
    """Figure 7: relevance, recall and diversity for e = 1 to 10."""
    comparison = compared(
        (LAST_PIN, *FIGURE_7),
        measured.values,
        setting.thresholds,
        measured.cases,
        n_resamples=setting.protocol.n_resamples,
    )
    main = setting.thresholds[0]
    measures = {f"relevance@{main.key}": f"Relevance, cosine ≥ {main.cosine:.2f}", "recall": "Recall"}
    figures = {
        f"figure7.{metric.partition('@')[0]}": _over_e(comparison, metric, title)
        for metric, title in measures.items()
    }
    return {**figures, "figure7.diversity": _diversity_over_e(measured, setting.world)}


def interests_figure(measured: Measured) -> dict[str, Figure]:
    """How many interests users have."""
    counts = measured.values[CLUSTERS_STAGE][:, 0].astype(int)
    step = -(-int(counts.max()) // _MOST_BARS)
    n_of = np.bincount((counts - 1) // step)
    names = [str(1 + step * i) for i in range(len(n_of))]
    return {
        "interests.users": Figure(
            title="Interests a user",
            shape="bars",
            x_title="interests" if step == 1 else f"interests, {step} numbers a bar: the smallest of them",
            y_title="cases",
            y_unit="count",
            note="Clusters at the calibrated alpha, one count for every day that a user is judged on.",
            series=(Series(name="cases", x=tuple(names), y=tuple(map(float, n_of))),),
        )
    }


def threshold_figure(comparison: Comparison, chosen: Method, setting: Setting) -> dict[str, Figure]:
    """How relevance depends on where near begins."""
    thresholds = sorted(setting.thresholds, key=lambda threshold: threshold.cosine)
    best = comparison.best_single(CRITERION[0])
    methods = dict.fromkeys((LAST_PIN, best, DEFAULT, chosen))
    return {
        "threshold.relevance": Figure(
            title="Relevance by threshold",
            shape="lines",
            x_title="cosine from which a pin is relevant",
            y_title="relevance",
            x_unit="cosine",
            y_unit="share",
            series=tuple(
                Series(
                    name=method.title,
                    kind=method.kind,
                    x=tuple(threshold.cosine for threshold in thresholds),
                    y=tuple(comparison.value(method, f"relevance@{t.key}") for t in thresholds),
                )
                for method in methods
            ),
        )
    }


def findings(chosen: Method, validation: Comparison, test: Comparison) -> tuple[str, ...]:
    """The choice and its confirmation, in sentences."""
    confirmed = lifts_of(chosen, test)
    holds = all(lift and lift.low is not None and lift.low > 0 for lift in confirmed)
    positive = all(lift and lift.value > 0 for lift in confirmed)
    verdict = (
        "It beats every single embedding on all of them, beyond the 95 % intervals."
        if holds
        else "It is ahead on all of them, but not beyond every 95 % interval."
        if positive
        else "It does not beat every single embedding on all of them."
    )
    served = (
        f"The service's setting ({SERVED.title}) on the test period: {_in_words(lifts_of(SERVED, test))}.",
    )
    return (
        f"Chosen by rule ({RULE}): {chosen.title}.",
        f"In validation, over the best single embedding: {_in_words(lifts_of(chosen, validation))}.",
        f"On the test period: {_in_words(confirmed)}. {verdict}",
        *(served if chosen != SERVED else ()),
        f"The paper's default on the test period: {_in_words(lifts_of(DEFAULT, test))}.",
    )


def report(
    setting: Setting,
    *,
    n_cases: Mapping[str, int],
    tables: Mapping[str, Table],
    figures: Mapping[str, Figure],
    findings: tuple[str, ...],
    seconds: Mapping[str, float],
    galleries: Mapping[str, Gallery] | None = None,
) -> Report:
    """Everything in one record."""
    return Report(
        world=_summary(setting.world, n_cases),
        protocol=(*readings(setting.protocol), setting.search),
        thresholds=setting.thresholds,
        findings=findings,
        tables=tables,
        figures=figures,
        seconds={**setting.seconds, **seconds},
        galleries=galleries or {},
    )


_MOST_BARS = 25


def _over_e(comparison: Comparison, metric: str, title: str) -> Figure:
    cells = [comparison.cell(method, metric, None) for method in FIGURE_7]
    return Figure(
        title=f"Figure 7: {title.lower()} by embeddings a request",
        shape="lines",
        x_title="embeddings, e",
        y_title=title,
        x_unit="count",
        y_unit="share",
        note="Figure 7; shaded: 95 % intervals over users.",
        series=(
            Series(
                name="sampled by importance",
                kind="several",
                x=tuple(float(method.e) for method in FIGURE_7),
                y=tuple(cell.value or 0.0 for cell in cells),
                low=tuple(cell.low or 0.0 for cell in cells),
                high=tuple(cell.high or 0.0 for cell in cells),
            ),
        ),
    )


def _diversity_over_e(measured: Measured, world: World) -> Figure:
    """An answer's diversity beside that of what users then did, of those who did more than one thing."""
    e = tuple(float(method.e) for method in FIGURE_7)
    means = [float(np.nanmean(measured.values[DIVERSITY + method.key])) for method in FIGURE_7]
    own = [own_diversity(case, world) for case in measured.cases if len(case.positives) > 1]
    users = Series(
        name="the pins users acted on that day", kind="single", x=e, y=(float(np.mean(own or 0)),) * len(e)
    )
    return Figure(
        title="Figure 7: diversity by embeddings a request",
        shape="lines",
        x_title="embeddings, e",
        y_title="diversity: mean of 1 − cosine",
        x_unit="count",
        y_unit="none",
        note=f"Answers: of some cases, one draw each. Users: {len(own):,} cases with two such pins or more.",
        series=(
            Series(name="sampled by importance", kind="several", x=e, y=tuple(means)),
            *((users,) if own else ()),
        ),
    )


def own_diversity(case: Case, world: World) -> float:
    """The mean of 1 - cosine over the pairs of pins that a user acted on in one day."""
    X = world.vectors[case.positives].astype(np.float32)
    return float(1 - (X @ X.T)[np.triu_indices(len(X), 1)].mean())


def _in_words(lifts: list[Lift | None]) -> str:
    names = ("relevance at the calibrated threshold", "relevance at 0.8", "recall")
    return ", ".join(f"{_lift(lift)} in {name}" for name, lift in zip(names, lifts, strict=True))


def _lift(lift: Lift | None) -> str:
    if lift is None:
        return "(none: 0 for every single embedding)"
    if lift.low is None or lift.high is None:
        return f"{lift.value:+.1%}"
    return f"{lift.value:+.1%} ({lift.low:+.1%} to {lift.high:+.1%})"


def _summary(world: World, n_cases: Mapping[str, int]) -> WorldSummary:
    log = world.log
    return WorldSummary(
        name=world.name,
        title=world.title,
        note=world.note,
        n_pins=world.n_pins,
        dimension=world.vectors.shape[1],
        n_users=len(np.unique(log.users)),
        n_actions=int(log.is_positive.sum()),
        n_impressions=int((~log.is_positive).sum()),
        alpha=world.alpha,
        alpha_from=world.alpha_from,
        first_day=f"{datetime.fromtimestamp(world.test_from_s, UTC):%Y-%m-%d}",
        validation_days=world.validation_days,
        test_days=world.test_days,
        n_validation_cases=n_cases["validation"],
        n_test_cases=n_cases["test"],
    )
