"""Every panel and every rule asks for what a running server, or the online consumer, shows."""

import urllib.request
from collections.abc import Iterable

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from profile_builder.online_metrics import OnlineMetrics
from server.bootstrap import wire_server
from server.ports import Ports
from tests.architecture.sources import ROOT
from tests.deployment.queries import (
    Query,
    asked,
    of_alerts,
    of_dashboard,
    panels,
    rules,
    wanted,
)
from tests.ports import free_port
from tests.server.conftest import settings
from tests.server.world import default_people, make_pins
from tests.waiting import HANG_S

# Put on every sample by Prometheus, as the ServiceMonitor has it.
OF_THE_TARGET = {"namespace", "job", "instance"}
# What others show.
OF_THE_KUBELET = "kubelet_"

Shown = dict[str, dict[str, set[str]]]  # metric -> label -> values


def _shown(text: str) -> Shown:
    """The metrics of a scrape, with the values of their labels."""
    shown: Shown = {}
    for family in text_string_to_metric_families(text):
        # A family that has no sample yet is shown by its name alone.
        shown.setdefault(f"{family.name}_total" if family.type == "counter" else family.name, {})
        for sample in family.samples:
            labels = shown.setdefault(sample.name, {})
            for name, value in sample.labels.items():
                labels.setdefault(name, set()).add(value)
    return shown


@pytest.fixture(scope="module")
def scraped() -> Shown:
    """What the metrics ports of a server and of a consumer show."""
    server, port = wire_server(make_pins(), default_people().store(), settings()), free_port()
    server.start(Ports(host="127.0.0.1", port=0, metrics_port=port))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=HANG_S) as page:
        text = page.read().decode()
    server.stop(grace_s=0)
    return _shown(text) | _shown(generate_latest(OnlineMetrics().registry).decode())


def unknown(queries: Iterable[Query], shown: Shown, recorded: set[str]) -> list[str]:
    """What the queries ask for and nobody shows: metrics, and values of labels."""
    wrong = []
    for query in queries:
        for each in asked(query.expression):
            if each.metric in recorded or each.metric.startswith(OF_THE_KUBELET):
                continue
            labels = shown.get(each.metric, {})
            if each.metric not in shown:
                wrong.append(f"{query.where}: {each.metric}")
            wrong += [
                f"{query.where}: {each.metric}{{{label}={value}}}"
                for label, values in each.labels
                if label not in OF_THE_TARGET and labels
                for value in wanted(values)
                if value not in labels.get(label, set())
            ]
    return wrong


def test_rules_ask_for_what_is_shown(scraped: Shown) -> None:
    """Each expression parses, and asks for metrics, and values of labels, that there are."""
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert unknown(of_alerts(), scraped, recorded) == []


def test_panels_ask_for_what_is_shown(scraped: Shown) -> None:
    """The same of every panel of the dashboard."""
    assert unknown(of_dashboard(), scraped, set()) == []


def test_a_metric_that_nobody_shows_is_found(scraped: Shown) -> None:
    """And a value of a label, so that the two above can fail."""
    slips = [Query("a", "rate(pinnersage_nothing[5m])"), Query("b", 'pinnersage_answers_total{reason="x"}')]
    assert unknown(slips, scraped, set()) == [
        "a: pinnersage_nothing",
        "b: pinnersage_answers_total{reason=x}",
    ]


def test_panels_are_whole() -> None:
    """Each has a name of its own, a place of its own and a query; none overlaps another."""
    places = [panel["gridPos"] for panel in panels()]
    cells = [(at["x"] + x, at["y"] + y) for at in places for x in range(at["w"]) for y in range(at["h"])]
    assert len(cells) == len(set(cells))
    titles = [panel["title"] for panel in panels()]
    assert len(titles) == len(set(titles))
    assert all(panel["targets"] for panel in panels())


def test_there_is_an_alert_for_each_thing_that_must_not_go_unseen() -> None:
    """Budgets that burn, what is stale, behind or lost; each leads to a section that there is."""
    alerts = {rule["alert"]: rule for rule in rules() if "alert" in rule}
    assert set(alerts) >= {
        *(f"PinnerSage{what}Burn{speed}" for what in ("Errors", "Latency") for speed in ("Fast", "Slow")),
        "PinnerSageArtefactStale",
        "PinnerSageProfilesStale",
        "PinnerSageOnlineBehind",
        "PinnerSageOnlineGone",
        "PinnerSageOnlineStuck",
        "PinnerSagePinsShrank",
        "PinnerSageProfilesShrank",
        "PinnerSageAnswersEmpty",
        "PinnerSageRecallDropped",
        "PinnerSageCallsShed",
    }
    for name, alert in alerts.items():
        assert alert["labels"]["severity"] in {"critical", "warning"}, name
        document, _, anchor = alert["annotations"]["runbook"].partition("#")
        headings = [
            line.lstrip("# ").lower().replace(" ", "-")
            for line in (ROOT / document).read_text().splitlines()
            if line.startswith("#")
        ]
        assert anchor in headings, name
