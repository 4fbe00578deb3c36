"""The command `pinnersage`, as it is installed: gRPC is told what it may say before it is imported."""

import os


def main() -> int:
    """Run the command and return its exit status.

    What gRPC writes on stderr by itself, of a handshake that failed say, the command says in a sentence.
    GRPC_VERBOSITY=ERROR, INFO or DEBUG brings it back.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # It imports gRPC, which reads the variable then.
    from pinnersage.client.command_line import main as run  # noqa: PLC0415 - see above

    return run()
