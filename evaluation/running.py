"""Measures every method of a plan on a period's cases, in stages and by several processes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evaluation.cosines import cosines_of
from evaluation.errors import EvaluationError
from evaluation.list_cache import ListCache, digest
from evaluation.measuring import Bench, diversity, first_depth, measure, measure_fused
from evaluation.methods import Method
from evaluation.oracles import accuracies
from evaluation.parts import Arrays, Seconds, in_parts
from evaluation.people import People
from evaluation.protocol import Case, Protocol, cases_of
from evaluation.results import Reading, Threshold
from evaluation.retrieval import Retriever
from evaluation.spreading import Spreads
from evaluation.stages import Stages
from evaluation.worlds import World
from process.progress import Reporter

ORACLE_STAGE = "oracles"
CLUSTERS_STAGE = "clusters"
DIVERSITY = "diversity."

_MAX_DIVERSITY_CASES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is measured on one period.

    Attributes:
        name: "validation", "test", ...
        period: Whose cases.
        methods: Those that are not fused.
        fused: Those that are.
        diverse: Methods whose answers' diversity is measured too.
        with_oracles: Whether Table 1 is.
        removes_past: See Protocol.
        max_cases: At most so many, drawn by chance; None for all that the setting allows.
    """

    name: str
    period: Literal["validation", "test"]
    methods: tuple[Method, ...]
    fused: tuple[Method, ...] = ()
    diverse: tuple[Method, ...] = ()
    with_oracles: bool = False
    removes_past: bool = True
    max_cases: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all plans of a run share.

    Attributes:
        world: The data.
        retriever: Over the world's vectors; is sent to the other processes where there are any.
        protocol: How methods are judged.
        thresholds: Of relevance.
        folder: For finished stages.
        n_processes: That measure, each a part of the cases; 1 measures in this one.
        max_cases: Of a period, drawn by chance; None for all.
        search: What a reader must know of the retriever.
        indexes: Folder for indexes of the pool.
        seconds: What was made once for the world, by name.
        pins: Folder of the pin artefact, which holds the refined pool; None where it was not built.
    """

    world: World
    retriever: Retriever
    protocol: Protocol
    thresholds: tuple[Threshold, ...]
    folder: Path
    n_processes: int
    max_cases: int | None
    search: Reading
    indexes: Path
    seconds: Mapping[str, float] = field(default_factory=dict)
    pins: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """What a plan found.

    Attributes:
        cases: n, ordered by day.
        values: By the key of the method float64 [n, t + 3], see metrics; ORACLE_STAGE and CLUSTERS_STAGE give
            arrays of their own kind, and DIVERSITY + key those of some methods, NaN where not measured.
        seconds: By stage, summed over processes.
    """

    cases: Sequence[Case]
    values: Mapping[str, NDArray[np.float64]]
    seconds: Mapping[str, float]


def run(plan: Plan, setting: Setting, reporter: Reporter) -> Measured:
    """Measure everything in a plan.

    Raises:
        EvaluationError: The period has no case.
    """
    cases = plan_cases(plan, setting)
    with reporter.step("Cosines between pins"):
        cosines_of(setting.world.vectors, setting.folder)
    work = partial(_run_part, plan, setting, cases)
    arrays, seconds = in_parts(work, setting.n_processes, f"Measure: {plan.name}", reporter)
    return Measured(cases=cases, values=arrays, seconds=seconds)


def plan_cases(plan: Plan, setting: Setting) -> list[Case]:
    """The cases of the plan's period, ordered by (day, user).

    Raises:
        EvaluationError: There is none.
    """
    world = setting.world
    days = world.validation if plan.period == "validation" else world.test
    cases = cases_of(world, days, replace(setting.protocol, removes_past=plan.removes_past))
    if not cases:
        raise EvaluationError(
            f"nobody in {world.title} can be judged in the {plan.period} period: no user with "
            "earlier actions does anything new. Choose another first day, or more days."
        )
    most = _most_cases(plan, setting)
    if most is None or len(cases) <= most:
        return cases
    chosen = np.random.default_rng(0).permutation(len(cases))[:most]
    return [cases[i] for i in np.sort(chosen)]


def _most_cases(plan: Plan, setting: Setting) -> int | None:
    return min((most for most in (plan.max_cases, setting.max_cases) if most is not None), default=None)


def _run_part(
    plan: Plan, setting: Setting, cases: Sequence[Case], part: int, reporter: Reporter
) -> tuple[Arrays, Seconds]:
    """Every n-th case from the part-th on: parts of equal weight, easily put together in order."""
    stages = Stages(setting.folder, identity(plan, setting, part))
    workbench = _Workbench(cases[part :: setting.n_processes], setting, reporter)
    some = _some(len(cases))[part :: setting.n_processes].nonzero()[0].tolist()
    arrays: Arrays = {}
    for method in plan.methods:
        arrays |= stages.run(method.key, asdict(method), partial(workbench.measure, method))
    for name, methods in _by_representatives(plan.fused):
        parameters = [asdict(method) for method in methods]
        arrays |= stages.run(f"fused-{name}", parameters, partial(workbench.measure_fused, methods))
    for method in plan.diverse:
        arrays |= stages.run(
            DIVERSITY + method.key, asdict(method), partial(workbench.diversity, method, some)
        )
    if plan.with_oracles:
        arrays |= stages.run(ORACLE_STAGE, None, workbench.oracles)
        arrays |= stages.run(CLUSTERS_STAGE, None, workbench.n_clusters)
    return arrays, stages.seconds


def _some(n_cases: int) -> NDArray[np.bool_]:
    """Of which cases diversity is measured: chosen among all, so that no number of processes changes it."""
    return np.random.default_rng(0).permutation(n_cases) < _MAX_DIVERSITY_CASES


def _by_representatives(methods: Sequence[Method]) -> Iterator[tuple[str, list[Method]]]:
    """Those with the same representatives together, and a name for them: they share most of the work."""
    groups: dict[str, list[Method]] = {}
    for method in methods:
        name = f"{method.policy.n_representatives}-{method.lambda_per_day:g}"
        groups.setdefault(name, []).append(method)
    yield from groups.items()


class _Workbench:
    """Everything that measuring needs, made when the first unfinished stage asks for it."""

    def __init__(self, cases: Sequence[Case], setting: Setting, reporter: Reporter) -> None:
        self._cases = cases
        self._setting = setting
        self._reporter = reporter
        self._made: tuple[People, Bench] | None = None

    def measure(self, method: Method) -> Arrays:
        people, bench = self._make()
        return {method.key: measure(method, people, bench)}

    def measure_fused(self, methods: Sequence[Method]) -> Arrays:
        people, bench = self._make()
        return measure_fused(methods, people, bench)

    def diversity(self, method: Method, places: Sequence[int]) -> Arrays:
        people, bench = self._make()
        return {DIVERSITY + method.key: diversity(method, people, bench, places)}

    def oracles(self) -> Arrays:
        people, bench = self._make()
        found = accuracies(people, bench.pool, bench.thresholds)
        return {f"{ORACLE_STAGE}.{key}": values for key, values in found.items()}

    def n_clusters(self) -> Arrays:
        people, _ = self._make()
        counts = [len(clusters.medoids) for clusters in people.clusters("ward")]
        return {CLUSTERS_STAGE: np.array(counts, np.float64)[:, np.newaxis]}

    def _make(self) -> tuple[People, Bench]:
        if self._made is None:
            self._made = self._new()
        return self._made

    def _new(self) -> tuple[People, Bench]:
        setting, pool = self._setting, self._setting.world.vectors
        cosines = cosines_of(pool, setting.folder)
        lists = ListCache(setting.retriever, pool)
        bench = Bench(
            protocol=setting.protocol,
            thresholds=np.array([threshold.cosine for threshold in setting.thresholds]),
            cosines=cosines,
            lists=lists,
            spreads=Spreads(lists, cosines, first_depth(setting.protocol)),
            retriever=setting.retriever,
            pool=pool,
            reporter=self._reporter,
        )
        return People(self._cases, pool, cosines, setting.world.alpha, self._reporter), bench


def identity(plan: Plan, setting: Setting, part: int) -> dict[str, object]:
    """What every stage of a part depends on, besides its own parameters."""
    world, log = setting.world, setting.world.log
    columns = (log.users, log.rows, log.times_s, log.is_positive.astype(np.int64))
    return {
        "world": world.name,
        "vectors": digest(world.vectors),
        "log": digest(np.stack(columns).view(np.float16)),
        "days": [world.test_from_s, world.validation_days, world.test_days, plan.period],
        "alpha": world.alpha,
        "retriever": setting.retriever.name,
        "protocol": asdict(replace(setting.protocol, removes_past=plan.removes_past)),
        "thresholds": [threshold.cosine for threshold in setting.thresholds],
        "cases": _most_cases(plan, setting),
        "part": [part, setting.n_processes],
    }
