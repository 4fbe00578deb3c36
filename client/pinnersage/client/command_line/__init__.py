"""The command `pinnersage`: ask a PinnerSage server from a shell."""

from pinnersage.client.command_line.program import main

__all__ = ["main"]
