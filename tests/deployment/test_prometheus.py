"""A real Prometheus scrapes a real server, loads the rules, and answers what the dashboard asks."""

from collections.abc import Iterator

import grpc
import pytest

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.bootstrap import wire_server
from server.ports import Ports
from tests.deployment.prometheus import Prometheus, prometheus
from tests.deployment.queries import Query, of_dashboard, of_questions, rules
from tests.ports import free_port
from tests.server.conftest import settings
from tests.server.world import default_people, make_pins
from tests.waiting import HANG_S, wait_until

N_CALLS = 20

pytestmark = pytest.mark.tool


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has seen some calls."""
    server, metrics_port = wire_server(make_pins(), default_people().store(), settings()), free_port()
    port = server.start(Ports(host="127.0.0.1", port=0, metrics_port=metrics_port))
    folder = tmp_path_factory.mktemp("prometheus")
    with prometheus(folder, free_port(), {"pinnersage": metrics_port}) as running:
        wait_until(lambda: running.query("grpc_server_handled_total"))
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = RecommenderStub(channel)
            for _ in range(N_CALLS):
                stub.GetPins(pb.GetPinsRequest(pin_ids=["cat-0"]), timeout=HANG_S)
        wait_until(lambda: running.query(f'grpc_server_handled_total{{grpc_code="OK"}} == {N_CALLS}'))
        yield running
    server.stop(grace_s=0)


def test_it_is_scraped(watching: Prometheus) -> None:
    """The port is a target that is up, and its calls are counted as they were made."""

    def values(expression: str) -> list[str]:
        return [sample["value"][1] for sample in watching.query(expression)]

    # Whatever took longer than a second to scrape is down, and unknown, until the next time.
    wait_until(lambda: values("up") == ["1"])
    counted = 'grpc_server_handled_total{grpc_method="GetPins", grpc_code="OK"}'
    wait_until(lambda: values(counted) == [str(N_CALLS)], lambda: values(counted))


def test_every_rule_is_evaluated(watching: Prometheus) -> None:
    """All rules load, and each is computed without an error; a service that is well raises no alarm."""

    def loaded() -> list[dict[str, str]]:
        return [rule for group in watching.ask("rules")["groups"] for rule in group["rules"]]

    wait_until(lambda: all(rule["health"] != "unknown" for rule in loaded()))
    assert len(loaded()) == len(rules())
    assert [rule.get("lastError") for rule in loaded() if rule["health"] != "ok"] == []
    assert [rule["name"] for rule in loaded() if rule.get("state") == "firing"] == []


def test_every_panel_is_answered(watching: Prometheus) -> None:
    """Prometheus takes the query of each panel."""
    for query in of_dashboard():
        watching.query(query.expression)


@pytest.mark.parametrize("query", tuple(of_questions()), ids=lambda query: query.where)
def test_every_question_has_an_answer(watching: Prometheus, query: Query) -> None:
    """What docs/observability.md has one ask is computed from what a server shows, and is never nothing."""
    # A rate takes two scrapes.
    wait_until(lambda: watching.query(query.expression))
