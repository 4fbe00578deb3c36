"""What the demo gives up on, said in one sentence."""


class DemoError(Exception):
    """The demo cannot go on; the message says what to do."""
