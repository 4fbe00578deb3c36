"""Table 2: measured once, in stages, and put into tables."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.costs.comparing import Arrays, Graph, index_costs, pool_costs
from evaluation.costs.facts import CostFacts
from evaluation.costs.figures import saved_figure
from evaluation.costs.indexes import kept, variants
from evaluation.costs.policy import MIN_PINS, CostPolicy
from evaluation.costs.refining import RefinedPool, refined_pool
from evaluation.costs.replaying import ABSENT, Replay, replay, requests_of, sampled_interests
from evaluation.costs.tables import cost_tables
from evaluation.costs.timing import alone
from evaluation.indexes import IndexParameters, cached_index
from evaluation.protocol import Case
from evaluation.results import Figure, Table
from evaluation.running import Plan, Setting, identity
from evaluation.stages import Stages, source_digest
from process.progress import Reporter

_PLAN = Plan(name="costs", period="test", methods=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What the report shows of them: nothing for a pool too small to compare indexes on.

    Attributes:
        tables: By key.
        figures: By key.
        seconds: By stage.
    """

    tables: Mapping[str, Table]
    figures: Mapping[str, Figure]
    seconds: Mapping[str, float]


def costs(
    cases: Sequence[Case], setting: Setting, reporter: Reporter, policy: CostPolicy | None = None
) -> Costs:
    """Measure what is not measured yet.

    Args:
        cases: The requests, in order of time.
        setting: The world.
        reporter: Told of progress.
        policy: How to measure; None: as the report does.

    Raises:
        StorageError: An index, or the artefact of the refined pool, cannot be read.
        EvaluationError: The artefact holds other pins.
    """
    pool, policy = setting.world.vectors, policy or CostPolicy()
    if len(pool) < MIN_PINS:
        return Costs(tables={}, figures={}, seconds={})
    refined = refined_pool(setting.pins, pool) if setting.pins else None
    work = _Work(setting, policy, reporter)
    requests = work.requests(cases)
    queries = _queries(requests["medoids"], pool, policy)
    facts = CostFacts(
        n_pins=len(pool),
        dimension=pool.shape[1],
        n_queries=len(queries),
        indexes=work.indexes(queries),
        pools=work.pools(queries, refined) if refined else None,
        refined=refined,
        replays=work.replays(requests),
        is_sample=len(cases) == setting.max_cases,
    )
    tables = cost_tables(facts, policy)
    return Costs(tables=tables, figures=saved_figure(tables["table2.saved"]), seconds=work.seconds)


class _Work:
    """The stages, each run only where it is not finished."""

    def __init__(self, setting: Setting, policy: CostPolicy, reporter: Reporter) -> None:
        self._setting, self._policy, self._reporter = setting, policy, reporter
        self._pool = setting.world.vectors
        depends_on = [identity(_PLAN, setting, 0), asdict(policy), source_digest(_sources())]
        self._stages = Stages(setting.folder, depends_on)

    @property
    def seconds(self) -> Mapping[str, float]:
        """By stage."""
        return {name.removeprefix("costs-"): taken for name, taken in self._stages.seconds.items()}

    def requests(self, cases: Sequence[Case]) -> Arrays:
        """See sampled_interests."""
        alpha, e = self._setting.world.alpha, self._policy.e
        return self._stages.run(
            "costs-requests",
            None,
            lambda: sampled_interests(cases, self._pool, alpha, e, self._reporter),
        )

    def indexes(self, queries: NDArray[np.float16]) -> Arrays:
        """See index_costs."""
        return self._stages.run("costs-indexes", None, lambda: self._index_costs(queries))

    def pools(self, queries: NDArray[np.float16], refined: RefinedPool) -> Arrays:
        """See pool_costs."""
        return self._stages.run(
            "costs-pools",
            [refined.version, str(refined.graph.file)],
            lambda: self._pool_costs(queries, refined),
        )

    def replays(self, requests: Arrays) -> tuple[Replay, ...]:
        """Of centroids in a cache of the headline's capacity, then of medoids at every capacity."""
        found = self._stages.run("costs-replays", None, lambda: {"replays": self._replay(requests)})
        return tuple(Replay.of(numbers) for numbers in found["replays"])

    def _index_costs(self, queries: NDArray[np.float16]) -> Arrays:
        graph = self._graph(IndexParameters())
        compressed = [
            (codes, kept(codes, self._pool, self._setting.indexes, self._reporter))
            for codes in variants(*self._pool.shape)
        ]
        with self._reporter.step("Measure kinds of index"):
            return alone(index_costs, self._pool, queries, graph, compressed, self._policy)

    def _pool_costs(self, queries: NDArray[np.float16], refined: RefinedPool) -> Arrays:
        """The full pool's index is built as the artefact's was."""
        built = refined.parameters
        graph = self._graph(IndexParameters(m=built.m, ef_construction=built.ef_construction))
        pools = [(self._pool, graph), (np.asarray(refined.vectors), refined.graph)]
        with self._reporter.step("Measure the refined pool"):
            return alone(pool_costs, queries, pools, self._policy)

    def _graph(self, parameters: IndexParameters) -> Graph:
        index = cached_index(self._pool, self._setting.indexes, parameters, self._reporter)
        return Graph(file=index.file, build_s=index.build_s)

    def _replay(self, requests: Arrays) -> NDArray[np.float64]:
        def at(kind: str, share: float) -> list[float]:
            capacity = max(1, round(share * len(self._pool)))
            return replay(requests_of(requests[kind]), capacity).numbers()

        policy = self._policy
        medoids = [at("medoids", share) for share in policy.capacities]
        return np.array([at("centroids", policy.headline), *medoids])


def _queries(
    medoids: NDArray[np.float64], pool: NDArray[np.float16], policy: CostPolicy
) -> NDArray[np.float16]:
    """Some of the medoid pins of the requests, each once, as a cache searches for each once."""
    rows = np.unique(medoids[medoids != ABSENT]).astype(np.int64)
    drawn = np.random.default_rng(0).permutation(rows)[: policy.n_queries]
    queries: NDArray[np.float16] = pool[np.sort(drawn)]
    return queries


def _sources() -> list[Path]:
    """Of this folder: what measures here must measure again when it changes."""
    return [file for file in Path(__file__).parent.glob("*.py") if file.name not in _NOT_MEASURING]


_NOT_MEASURING = frozenset({"cells.py", "facts.py", "figures.py", "tables.py"})
"""What puts together what was measured."""
