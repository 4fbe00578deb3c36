"""What keeps a benchmark from measuring, said so that a person can mend it."""


class BenchmarkError(Exception):
    """It names what was wrong and what to do."""
