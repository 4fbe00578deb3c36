"""`python -m evaluation.explaining`: why one average is hard to beat, cause by cause."""

import sys

from evaluation.errors import EvaluationError
from evaluation.explaining.bootstrap import run_explaining
from evaluation.explaining.settings import ExplainingSettings
from model.errors import ModelError
from process.commands import Program
from storage.errors import StorageError


def main() -> int:
    """Run the program and return its exit status."""
    program = Program("evaluation.explaining", expected=(EvaluationError, StorageError, ModelError, OSError))
    program.command("explaining", ExplainingSettings, run_explaining)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
