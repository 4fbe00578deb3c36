"""What the evaluation raises on purpose."""


class EvaluationError(Exception):
    """The experiments cannot run on this data or with these settings; the message says what to do."""
