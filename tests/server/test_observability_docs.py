"""docs/observability.md says of every metric what a scrape of a running server says."""

import re
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from server.bootstrap import wire_server
from server.ports import Ports
from tests.ports import free_port
from tests.server.conftest import settings
from tests.server.world import default_people, make_pins
from tests.waiting import HANG_S

DOCS = Path(__file__).parents[2] / "docs" / "observability.md"
ROW = re.compile(r"^\| `(\w+)` \| (counter|gauge|histogram) \| ([\w, ]*) \| (.+) \|$", re.MULTILINE)
OF_THE_LIBRARY = "python_"

Row = tuple[str, str, str]  # type, labels, meaning


@pytest.fixture(scope="module")
def scraped() -> dict[str, Row]:
    """Every family of a running server's metrics port, by its name."""
    server, metrics_port = wire_server(make_pins(), default_people().store(), settings()), free_port()
    server.start(Ports(host="127.0.0.1", port=0, metrics_port=metrics_port))
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=HANG_S) as page:
        text = page.read().decode()
    server.stop(grace_s=0)
    families = {}
    for family in text_string_to_metric_families(text):
        labels = sorted({label for sample in family.samples for label in sample.labels} - {"le"})
        name = f"{family.name}_total" if family.type == "counter" else family.name
        families[name] = (family.type, ", ".join(labels), family.documentation)
    return {name: row for name, row in families.items() if not name.startswith(OF_THE_LIBRARY)}


def documented() -> dict[str, Row]:
    return {
        name: (kind, labels.strip(), meaning) for name, kind, labels, meaning in ROW.findall(DOCS.read_text())
    }


def test_every_metric_is_in_the_table_and_every_row_is_a_metric(scraped: dict[str, Row]) -> None:
    """Nothing is exposed that no operator can look up, and nothing is promised that is not there."""
    assert sorted(documented()) == sorted(scraped)


def test_the_table_says_what_the_server_says(scraped: dict[str, Row]) -> None:
    """Type, labels and meaning are those of the scrape."""
    assert documented() == scraped


def test_queries_in_the_docs_name_metrics_that_exist(scraped: dict[str, Row]) -> None:
    """A name in an alert or a query is one of a scrape."""
    suffixes = "(?:_bucket|_sum|_count)?"
    named = set(re.findall(r"\b((?:pinnersage|grpc_server)_\w+?)" + suffixes + r"\b(?!\.)", DOCS.read_text()))

    assert named <= set(scraped)
