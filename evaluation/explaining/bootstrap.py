"""Builds and wires the explaining experiments."""

from evaluation.bootstrap import prepared, publish
from evaluation.explaining.explaining import explained
from evaluation.explaining.settings import ExplainingSettings
from process.progress import Reporter


def run_explaining(settings: ExplainingSettings) -> None:
    """Run the experiments on a data set and write both reports.

    Raises:
        EvaluationError: The data does not allow them.
        StorageError: The data cannot be read.
    """
    reporter = Reporter()
    setting, out = prepared(settings, reporter, suffix="-why")
    publish(explained(setting, reporter), out, reporter)
