"""What a scrape of several processes shows."""

import multiprocessing
from pathlib import Path

import grpc
import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pinnersage.v1 import recommender_pb2 as pb
from server.metrics import Metrics
from server.metrics_calls import MethodMetrics
from server.metrics_catalogue import SERVICE, Artefact, layout
from server.metrics_exposition import expose_processes
from server.metrics_files import SUPERVISOR, Counting, prepare
from server.metrics_serving import Serving

OK_CALLS = {
    "grpc_type": "unary",
    "grpc_service": SERVICE,
    "grpc_method": "Recommend",
    "grpc_code": "OK",
}


def serving(version: str, n_users: int = 3) -> Serving:
    return Serving(
        pins_version=version, profiles_version="7", n_indexed=10, n_users=n_users, profiles_computed_s=0
    )


def work(folder: Path, name: str, calls: int, version: str) -> None:
    """A worker's life: it counts calls and answers, says what it serves, and ends."""
    metrics = Metrics(CollectorRegistry(), counting=Counting(folder, name))
    method = MethodMetrics(metrics, "Recommend")
    for _ in range(calls):
        began_s = method.begin()
        with metrics.stage("merge"):
            metrics.count_candidates(400, 400)
        method.end(began_s, grpc.StatusCode.OK, 1)
    metrics.gauges.watch_cache(lambda: 1_000 * calls, lambda: calls)
    metrics.gauges.watch_refused(lambda: [Artefact.PINS] if version == "old" else [])
    metrics.serve(serving(version))
    metrics.gauges.refresh()


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> CollectorRegistry:
    """A supervisor's registry beside two workers, of 3 and of 5 calls, that serve different versions."""
    folder = tmp_path_factory.mktemp("metrics")
    prepare(folder)
    spawn = multiprocessing.get_context("spawn")
    Metrics(CollectorRegistry(), counting=Counting(folder, SUPERVISOR))
    for name, calls, version in (("0", 3, "old"), ("1", 5, "new")):
        process = spawn.Process(target=work, args=(folder, name, calls, version))
        process.start()
        process.join()
        assert process.exitcode == 0
    registry = CollectorRegistry()
    expose_processes(registry, layout(), folder)
    return registry


def test_counters_and_histograms_of_workers_add_up(scraped: CollectorRegistry) -> None:
    """A scrape shows the calls of all workers together, whichever answered."""
    value = scraped.get_sample_value
    assert value("grpc_server_handled_total", OK_CALLS) == 8
    assert value("pinnersage_candidates_count") == 8
    assert value("pinnersage_candidates_sum") == 3_200
    assert value("pinnersage_candidates_bucket", {"le": "300.0"}) == 0
    assert value("pinnersage_candidates_bucket", {"le": "400.0"}) == 8
    assert value("pinnersage_candidates_bucket", {"le": "+Inf"}) == 8
    assert value("pinnersage_stage_seconds_count", {"stage": "merge"}) == 8


def test_gauges_add_up_or_show_the_largest(scraped: CollectorRegistry) -> None:
    """Memory of workers adds up; how many users a shared file holds does not."""
    value = scraped.get_sample_value
    assert value("pinnersage_candidate_cache_bytes") == 8_000
    assert value("pinnersage_profiles") == 3
    assert value("pinnersage_takedown_listed") is None
    assert value("pinnersage_version_refused", {"artefact": "pins"}) == 1
    assert value("pinnersage_version_refused", {"artefact": "profiles"}) == 0


def test_each_worker_shows(scraped: CollectorRegistry) -> None:
    """How calls are spread, and who serves which version, is told by worker; the supervisor serves none."""
    value = scraped.get_sample_value
    assert [value("pinnersage_worker_calls_total", {"worker": name}) for name in "01"] == [3, 5]
    assert value("pinnersage_worker_calls_total", {"worker": SUPERVISOR}) is None
    labels = {"profiles_version": "7", "side_version": ""}
    assert value("pinnersage_artefact_info", {"pins_version": "old", **labels}) == 1
    assert value("pinnersage_artefact_info", {"pins_version": "new", **labels}) == 1
    assert value("pinnersage_workers") == 2


def test_processes_that_live_show_what_they_cost(scraped: CollectorRegistry) -> None:
    """CPU time and memory are told of every process that runs: here the supervisor, the workers are gone."""
    value = scraped.get_sample_value
    assert (value("process_cpu_seconds_total", {"worker": SUPERVISOR}) or 0) > 0
    assert value("process_cpu_seconds_total", {"worker": "0"}) is None


def test_a_new_server_begins_at_zero(tmp_path: Path) -> None:
    """What an earlier server left in the folder is not counted again."""
    registry = CollectorRegistry()
    expose_processes(registry, layout(), tmp_path)
    work(tmp_path, "0", calls=2, version="old")
    before = registry.get_sample_value("grpc_server_handled_total", OK_CALLS)
    prepare(tmp_path)

    assert before == 2
    assert registry.get_sample_value("grpc_server_handled_total", OK_CALLS) == 0
    assert registry.get_sample_value("pinnersage_workers") == 0


def test_a_gauge_that_fails_costs_no_other() -> None:
    """One reading that raises is left out; the rest of the scrape is there."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.gauges.watch_cache(lambda: 1 // 0, lambda: 4)

    assert registry.get_sample_value("pinnersage_candidate_cache_bytes") is None
    assert registry.get_sample_value("pinnersage_candidate_cache_entries") == 4


def test_the_text_is_one_that_prometheus_reads() -> None:
    """Every family is there from the first scrape on, each once, with its help and its type."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.count_answer(pb.ANSWER_REASON_UNKNOWN_USER)
    families = list(text_string_to_metric_families(generate_latest(registry).decode()))

    names = [family.name for family in families]
    assert len(set(names)) == len(names)
    assert {each.name for each in metrics.rows.layout.families} <= set(names)
    assert all(family.documentation.endswith(".") for family in families)
    assert np.isfinite([sample.value for family in families for sample in family.samples]).all()
