"""Who may reach whom: what the chart's network policies let in, and where they let pods go."""

import pytest

from tests.deployment.chart import Rendered, Values, render

pytestmark = pytest.mark.tool

DNS = 53


def test_who_may_reach_whom() -> None:
    """Callers reach the port of calls, Prometheus that of metrics, the store its users; nobody jobs."""
    rendered = render("full")
    server = rendered.one("NetworkPolicy", "server")["spec"]
    calls, metrics = server["ingress"]
    assert calls["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "feed"}}}]
    assert [port["port"] for port in calls["ports"] + metrics["ports"]] == ["grpc", "metrics"]
    (store,) = rendered.one("NetworkPolicy", "valkey")["spec"]["ingress"]
    (users,) = store["from"][0]["podSelector"]["matchExpressions"]
    assert users["values"] == ["server", "batch", "online", "by-hand"]
    for jobs in ("jobs", "by-hand"):
        assert rendered.one("NetworkPolicy", jobs)["spec"]["ingress"] == []
    for each in rendered.manifests:
        if each["kind"] == "NetworkPolicy":
            assert set(each["spec"]["policyTypes"]) == {"Ingress", "Egress"}
            assert {} not in each["spec"]["egress"]


def leaving(rendered: Rendered, policy: str) -> set[int]:
    """The ports that a policy lets pods go to."""
    rules = rendered.one("NetworkPolicy", policy)["spec"]["egress"]
    return {port["port"] for rule in rules for port in rule["ports"]}


def test_pods_go_where_the_values_say() -> None:
    """Names, the store, object storage, the stream, traces, and what is said besides; the store nowhere."""
    rendered = render("full")
    everybody = {DNS, 6379, 443, 9000}
    assert leaving(rendered, "jobs") == everybody
    assert leaving(rendered, "server") == everybody | {4317}
    assert leaving(rendered, "online") == everybody | {9092, 9093}
    # Who asks to be forgotten is made known through the stream.
    assert leaving(rendered, "by-hand") == everybody | {9092, 9093}
    assert leaving(rendered, "valkey") == set()
    recording = render("full", {"server.recordActions": True})
    assert leaving(recording, "server") == everybody | {4317, 9092, 9093}


@pytest.mark.parametrize(
    ("key", "address", "port"),
    [
        # No port is named, and digits of the host are none.
        ("profiles.url", "redis://redis10/0", 6379),
        ("profiles.url", "redis://10.0.0.5/0", 6379),
        ("profiles.url", "rediss://redis.example:7000/2?prefix=a:1", 7000),
        ("online.events", "redis://redis.example/0?stream=a17", 6379),
        ("online.events", "kafka://kafka-1/actions", 9092),
        ("server.traceEndpoint", "http://collector", 4317),
        ("server.traceEndpoint", "https://collector:14317/path", 14317),
    ],
)
def test_an_address_is_let_through_by_its_port(key: str, address: str, port: int) -> None:
    """As the programs read it: the port that it names, or the one that is meant where none is named."""
    elsewhere: Values = {
        "profiles.url": "redis://store:1111/0",
        "online.events": "redis://stream:2222/0?stream=a",
    }
    found = leaving(render("external-redis", elsewhere | {key: address}), "server")
    others = {int(value.split(":")[2][:4]) for name, value in elsewhere.items() if name != key}
    assert found == {DNS, port} | others
