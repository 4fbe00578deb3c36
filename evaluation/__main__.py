"""`python -m evaluation`: the paper's offline experiments on a data set."""

import sys

from evaluation.bootstrap import run_evaluation
from evaluation.errors import EvaluationError
from evaluation.settings import EvaluationSettings
from model.errors import ModelError
from process.commands import Program
from storage.errors import StorageError


def main() -> int:
    """Run the program and return its exit status."""
    program = Program("evaluation", expected=(EvaluationError, StorageError, ModelError, OSError))
    program.command("evaluation", EvaluationSettings, run_evaluation)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
