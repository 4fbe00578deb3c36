"""From arguments to an exit status: one answer on stdout, or one sentence on stderr.

Standard streams may be closed (`>&-`, a service without a console): Python then has None in their place.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

from pinnersage.client._client import Client
from pinnersage.client._config import Timeout
from pinnersage.client._errors import CallError, ConfigurationError
from pinnersage.client.command_line.arguments import Arguments, parse
from pinnersage.client.command_line.columns import printable, shortened
from pinnersage.client.command_line.commands import Answer, health, profile, recommend, record, similar
from pinnersage.client.command_line.connection import api_key_of, credentials_of
from pinnersage.client.command_line.failures import Status, sentence, status_of

COMMANDS: Mapping[str, Callable[[Client, Arguments], Answer]] = {
    "recommend": recommend,
    "similar": similar,
    "profile": profile,
    "record": record,
    "health": health,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; wrong usage exits with 2 from here."""
    arguments = parse(argv)
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return Status.INTERRUPTED
    except BrokenPipeError:
        _give_up_stdout()
        return Status.PIPE_CLOSED
    except OSError as error:
        _give_up_stdout()
        _complain(f"the answer cannot be written: {error.strerror or error}")
        return Status.FAILED


def _run(arguments: Arguments) -> int:
    try:
        answer = _ask(arguments)
    except ConfigurationError as error:
        _complain(str(error))
        return Status.USAGE
    except CallError as error:
        _complain(sentence(error, timeout_s=arguments.timeout_s))
        return status_of(error)
    for note in answer.notes:
        _complain(note)
    if sys.stdout is not None:
        for line in _lines(answer, as_json=arguments.json):
            print(line)
        sys.stdout.flush()
    return answer.status


def _ask(arguments: Arguments) -> Answer:
    with Client(
        arguments.server,
        timeout=Timeout(call_s=arguments.timeout_s),
        credentials=credentials_of(arguments),
        api_key=api_key_of(arguments),
    ) as client:
        return COMMANDS[arguments.command](client, arguments)


def _lines(answer: Answer, *, as_json: bool) -> Iterator[str]:
    """The answer as stdout can show it: whatever its encoding, however narrow the terminal."""
    encoding = (sys.stdout.encoding or "ascii").lower()
    if as_json:
        yield json.dumps(answer.document, indent=2, ensure_ascii=not encoding.startswith("utf"))
        return
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in answer.lines:
        shown = line if columns is None else shortened(line, columns)
        yield shown.encode(encoding, "replace").decode(encoding)


def _give_up_stdout() -> None:
    """Let what is left unwritten go, or the interpreter would complain when it flushes stdout at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str) -> None:
    """One line on stderr, whatever a server's words hold; nobody listening is no reason to fail."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(f"pinnersage: {printable(message)}", file=sys.stderr, flush=True)
