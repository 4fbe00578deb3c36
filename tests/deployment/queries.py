"""The queries of the dashboard and of the alerts, and what they ask for."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser
import yaml

from tests.architecture.sources import ROOT
from tests.deployment.chart import CHART

ALERTS = [CHART / "files" / f"{of}.yaml" for of in ("alerts", "alerts-online")]
OBSERVABILITY = ROOT / "docs" / "observability.md"
DASHBOARD = CHART / "files" / "pinnersage.json"

# What Grafana puts in place of its variables, for "All" and a scrape every 15 s.
_VARIABLES = {"$__rate_interval": "1m", "$namespace": ".*", "$job": ".*"}


@dataclass(frozen=True, slots=True)
class Query:
    """An expression, and where it stands."""

    where: str
    expression: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A metric that an expression asks for, and the labels that it asks for by value."""

    metric: str
    labels: tuple[tuple[str, str], ...]  # name, value


def groups() -> list[dict[str, Any]]:
    """The groups of rules, of servers and of the consumer."""
    return [group for file in ALERTS for group in yaml.safe_load(file.read_text())["groups"]]


def rules() -> list[dict[str, Any]]:
    return [rule for group in groups() for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return found


def panels() -> list[dict[str, Any]]:
    """The panels that show something."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def of_alerts() -> Iterator[Query]:
    for rule in rules():
        yield Query(rule.get("alert") or rule["record"], rule["expr"])


def of_dashboard() -> Iterator[Query]:
    """With Grafana's variables filled in."""
    for panel in panels():
        for target in panel["targets"]:
            yield Query(panel["title"], filled_in(target["expr"]))
    for annotation in dashboard()["annotations"]["list"]:
        yield Query(annotation["name"], filled_in(annotation["expr"]))
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            # Grafana asks for the values of a label of some series.
            series = variable["query"]["query"].removeprefix("label_values(").rpartition(",")[0]
            yield Query(variable["name"], filled_in(series))


def filled_in(expression: str) -> str:
    for variable, value in _VARIABLES.items():
        expression = expression.replace(variable, value)
    return expression


def asked(expression: str) -> set[Asked]:
    """The metrics of an expression; ValueError when it is none."""
    found = set()

    def note(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            labels = tuple((each.name, each.value) for each in node.matchers.matchers)
            found.add(Asked(str(node.name), labels))

    promql_parser.walk(promql_parser.parse(expression), note)
    return found


def wanted(value: str) -> list[str]:
    """The values that a matcher names one by one: a word, or an alternative of words."""
    return value.split("|") if re.fullmatch(r"[\w.|+-]+", value) else []


def of_questions() -> Iterator[Query]:
    """Of the table of questions in docs/observability.md."""
    table = OBSERVABILITY.read_text().partition("| question | PromQL |")[2].partition("\n\n")[0]
    for question, expression in re.findall(r"(?m)^\| (.+?) \| `(.+)` \|$", table):
        yield Query(question, expression.replace(r"\|", "|"))
