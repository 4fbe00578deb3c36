"""Alerts fire on what they are for and on nothing else, and the chart makes them those of its release."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deployment.chart import CASES, Manifest, render
from tests.deployment.queries import ALERTS, groups, rules
from tests.end_to_end.processes import tool

pytestmark = pytest.mark.tool


def test_rules_load_and_fire_as_they_should(tmp_path: Path) -> None:
    """Prometheus' own tool takes the rules; each alert fires on what is meant, and on nothing else."""
    cases = (Path(__file__).parent / "alerts_fire.yaml").read_text()
    alerts = {rule["alert"] for rule in rules() if "alert" in rule}
    assert set(re.findall(r'alertname="(\w+)"', cases)) == alerts
    for file in ALERTS:
        shutil.copy(file, tmp_path)
    (tmp_path / "tests.yaml").write_text(cases)
    promtool(tmp_path, "check", "rules", *(file.name for file in ALERTS))
    promtool(tmp_path, "test", "rules", "tests.yaml")


def test_a_release_that_is_gone_is_missed_beside_another(tmp_path: Path) -> None:
    """What the chart makes of the rules asks for its own release, which no other can stand for."""
    (tmp_path / "rendered.yaml").write_text(yaml.safe_dump(render("full").one("PrometheusRule")["spec"]))
    another = (
        """pinnersage_workers{namespace="other", job="shop-pinnersage"}""",
        """pinnersage_workers{namespace="feed", job="trial-pinnersage"}""",
        """pinnersage_online_watermark_seconds{namespace="feed", job="trial-pinnersage-online"}""",
    )
    gone = [
        {
            "labels": f'{{alertname="{name}", namespace="feed", job="shop-pinnersage{part}"}}',
            "value": 1,
        }
        for name, part in (("PinnerSageGone", ""), ("PinnerSageOnlineGone", "-online"))
    ]
    expected = {
        "eval_time": "30m",
        "expr": 'count by (alertname, namespace, job) (ALERTS{alertstate="firing"})',
        "exp_samples": gone,
    }
    case = {
        "interval": "1m",
        "input_series": [{"series": series, "values": "1x60"} for series in another],
        "promql_expr_test": [expected],
    }
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump({"rule_files": ["rendered.yaml"], "tests": [case]}))
    promtool(tmp_path, "test", "rules", "tests.yaml")


def promtool(folder: Path, *arguments: str) -> None:
    """Run it on files of a folder; it is to find nothing."""
    ran = subprocess.run(
        [str(tool("promtool")), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_operator_is_told_what_to_watch() -> None:
    """One monitor for server and consumer, the rules, and the dashboard where Grafana's sidecar looks."""
    rendered = render("full")
    monitor = rendered.one("ServiceMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    watched = monitor["spec"]["selector"]["matchLabels"]
    scraped = [
        each["metadata"]["name"]
        for each in rendered.manifests
        if each["kind"] == "Service" and watched.items() <= each["metadata"]["labels"].items()
        if "metrics" in {port["name"] for port in each["spec"]["ports"]}
    ]
    assert sorted(scraped) == ["shop-pinnersage", "shop-pinnersage-online"]
    given = rendered.one("PrometheusRule")["spec"]["groups"]
    assert [each["name"] for each in given] == [each["name"] for each in groups()]
    dashboard = rendered.one("ConfigMap", "dashboard")
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(dashboard["data"]["pinnersage.json"])["uid"] == "pinnersage"
    assert render().kinds().isdisjoint({"ServiceMonitor", "PrometheusRule"})


def alerting(case: str, **monitoring: bool) -> list[Manifest]:
    """The groups of rules that the operator is given, with a monitor of ours or without."""
    enabled = {"monitoring.prometheusRule.enabled": True} | {
        f"monitoring.{name}.enabled": value for name, value in monitoring.items()
    }
    found: list[Manifest] = render(case, enabled).one("PrometheusRule")["spec"]["groups"]
    return found


def asked_of(rendered: list[Manifest]) -> dict[str, str]:
    """By the names of the alerts what they ask for."""
    return {rule["alert"]: rule["expr"] for group in rendered for rule in group["rules"] if "alert" in rule}


@pytest.mark.parametrize("case", CASES)
def test_alerts_are_of_the_release(case: str) -> None:
    """Rules of the servers, and of the consumer where there is one: as in the files, but for the release."""
    consumes = "Deployment shop-pinnersage-online" in dict(render(case).pods())
    written = [each for each in groups() if consumes or each["name"] != "pinnersage-online"]
    ours = {"PinnerSageGone", "PinnerSageOnlineGone", "PinnerSageVolumeFull"}
    rendered, expected = (asked_of(alerting(case, serviceMonitor=True)), asked_of(written))
    assert list(rendered) == list(expected)
    assert {name for name in expected if rendered[name] != expected[name]} == ours & set(expected)
    server = 'pinnersage_workers{namespace="feed", job="shop-pinnersage"}'
    assert rendered["PinnerSageGone"] == f"absent({server})"
    # Whose target it is then called, we do not know.
    assert asked_of(alerting(case, serviceMonitor=False))["PinnerSageGone"] == "absent(pinnersage_workers)"


@pytest.mark.parametrize(
    ("case", "claims"),
    [
        ("minimal", "pinnersage-data|shop-pinnersage-artefact|data-shop-pinnersage-valkey-0"),
        ("external-redis", "pinnersage-data|shop-pinnersage-artefact"),
        ("full", "data-shop-pinnersage-valkey-0"),
    ],
)
def test_volumes_of_the_release_are_watched(case: str, claims: str) -> None:
    """Whatever claims its pods write to, by their names."""
    asked = asked_of(alerting(case))["PinnerSageVolumeFull"]
    assert asked.count(f'{{namespace="feed", persistentvolumeclaim=~"{claims}"}}') == 2
