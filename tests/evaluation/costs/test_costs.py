"""The whole of Table 2 on a small pool: measured once, and left out where the pool is too small."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.costs import costs as module
from evaluation.costs.costs import costs
from evaluation.costs.policy import CostPolicy
from evaluation.protocol import cases_of
from evaluation.report.tables import shown
from evaluation.running import Setting
from process.progress import Reporter
from tests.evaluation.town import busy_log, setting_of, town

pytestmark = pytest.mark.slow

QUIET = Reporter(quiet=True)


@pytest.fixture
def setting(pool: NDArray[np.float16], tmp_path: Path) -> Setting:
    """The people of the town, among pins enough to compare indexes on."""
    return setting_of(replace(town(busy_log()), vectors=pool), tmp_path)


def test_costs_are_measured_once(
    setting: Setting, policy: CostPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time every number is the first one's, and nothing is started."""
    cases = cases_of(setting.world, setting.world.test, setting.protocol)
    first = costs(cases, setting, QUIET, policy)
    assert list(first.tables) == ["table2.saved", "table2.index", "table2.cache"]
    assert list(first.seconds) == ["requests", "indexes", "replays"]
    monkeypatch.setattr(module, "alone", None)
    assert costs(cases, setting, QUIET, policy) == first


def test_every_table_can_be_shown(setting: Setting, policy: CostPolicy) -> None:
    """In words, each with its own small print: no intervals over users; and as JSON, without NaN."""
    cases = cases_of(setting.world, setting.world.test, setting.protocol)
    for table in costs(cases, setting, QUIET, policy).tables.values():
        assert "95 %" not in " ".join(shown(table).foot)
        assert "rounds" in shown(table).foot[0]
        assert json.dumps(asdict(table), allow_nan=False)


def test_a_pool_too_small_to_compare_indexes_on_is_left_out(tmp_path: Path) -> None:
    """24 pins are compared as a whole before any index has begun."""
    setting = setting_of(town(busy_log()), tmp_path)
    found = costs(cases_of(setting.world, setting.world.test, setting.protocol), setting, QUIET)
    assert not found.tables
    assert not found.figures
    assert not found.seconds
