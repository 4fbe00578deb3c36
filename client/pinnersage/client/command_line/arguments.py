"""The command's arguments: the one place they are named, explained and given defaults."""

import argparse
import os
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import NoReturn

from pinnersage.client._enums import MergePolicy
from pinnersage.client._filters import Condition
from pinnersage.client._version import __version__
from pinnersage.client.command_line.where import FORMS, condition, moment

DEFAULT_SERVER = "127.0.0.1:50051"
# What a person can take in; the server's own default of 400 is made for feeds.
DEFAULT_MAX_CANDIDATES = 30
DEFAULT_TIMEOUT_S = 10.0

_EXIT_STATUS = """\
exit status:
  0  done
  1  the server refused or failed
  2  wrong usage
  3  no server answers there, or it does not serve
"""

# Wide enough for the longest option, so that its help stands beside it.
_Help = partial(argparse.RawDescriptionHelpFormatter, max_help_position=26)

_AddParser = Callable[..., argparse.ArgumentParser]

COMMANDS = ("recommend", "similar", "profile", "record", "health")
_MISTYPED = re.compile(r"argument COMMAND: invalid choice: '(?P<word>.*)' \(choose from ", re.DOTALL)
_MISSING_ID = ("arguments are required: USER", "arguments are required: PIN")
_WHERE_IDS_STAND = "; an id comes before --exclude, and one that begins with a dash comes last, after --"


class Arguments(argparse.Namespace):
    """The parsed arguments; a command without an option has its default."""

    command: str
    server: str
    tls: bool
    ca: Path | None
    cert: Path | None
    key: Path | None
    api_key_file: Path | None
    timeout_s: float
    json: bool
    user: str
    pin: str
    max_candidates: int | None
    max_interests: int | None
    exclude: list[str]
    seed: int | None
    merge_policy: MergePolicy | None
    variant: str | None
    min_score: float | None
    titles: bool
    where: list[Condition]
    action: str
    at: datetime | None
    event_id: str | None


class _Parser(argparse.ArgumentParser):
    """Says where an id belongs when it was taken for an option, or for one more of `--exclude`.

    And which command a mistyped one is near to.
    """

    def error(self, message: str) -> NoReturn:
        if found := _MISTYPED.search(message):
            near = get_close_matches(found["word"], COMMANDS, n=1)
            meant = f"did you mean {near[0]}? It" if near else "it"
            message = f"there is no command {found['word']!r}; {meant} is one of {', '.join(COMMANDS)}"
        super().error(message + _WHERE_IDS_STAND if message.endswith(_MISSING_ID) else message)


def parse(argv: Sequence[str] | None = None) -> Arguments:
    """The arguments, by default the process's; wrong ones end the process with exit status 2."""
    return _parser().parse_args(argv, namespace=Arguments())


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="pinnersage",
        description="Ask a PinnerSage server.",
        epilog=_EXIT_STATUS,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=f"pinnersage-client {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_recommend(commands.add_parser)
    _add_similar(commands.add_parser)
    _add_profile(commands.add_parser)
    _add_record(commands.add_parser)
    _add_health(commands.add_parser)
    return parser


def _add_recommend(add_parser: _AddParser) -> None:
    parser = _add(add_parser, "recommend", "candidates for a user, by the interest they come from")
    parser.add_argument("user", metavar="USER", help="the user's id")
    _add_narrowing(parser)
    parser.add_argument(
        "--max-interests",
        type=int,
        metavar="N",
        help="interests to sample, 1 to 20 (default: the server's 3)",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="the same seed samples the same interests")
    parser.add_argument(
        "--merge-policy",
        type=_merge_policy,
        metavar="POLICY",
        help="interleaved: sampled interests take turns; fused: all score together (default: the server's)",
    )
    parser.add_argument(
        "--variant",
        metavar="NAME",
        help="a variant of the server's parameters (default: the one that the user's hash picks)",
    )


def _add_similar(add_parser: _AddParser) -> None:
    parser = _add(add_parser, "similar", "the pins nearest to a pin")
    parser.add_argument("pin", metavar="PIN", help="the pin's id")
    _add_narrowing(parser)


def _add_profile(add_parser: _AddParser) -> None:
    parser = _add(add_parser, "profile", "everything stored about a user's interests")
    parser.add_argument("user", metavar="USER", help="the user's id")


def _add_record(add_parser: _AddParser) -> None:
    purpose = "what a user did, in the server's event stream"
    parser = _add(add_parser, "record", purpose, does="Record")
    parser.add_argument("user", metavar="USER", help="the user's id")
    parser.add_argument("pin", metavar="PIN", help="the pin acted on")
    parser.add_argument("action", metavar="ACTION", help="what was done, as the action weights name it: save")
    parser.add_argument(
        "--at", type=moment, metavar="TIME", help="when, ISO 8601; without an offset UTC (default: now)"
    )
    parser.add_argument(
        "--event-id",
        metavar="ID",
        help="recorded again under the same id it counts once (default: a new one)",
    )


def _add_health(add_parser: _AddParser) -> None:
    _add(add_parser, "health", "whether the server is there and serves")


def _add(add_parser: _AddParser, name: str, purpose: str, *, does: str = "Show") -> argparse.ArgumentParser:
    """A command, with the options that all of them have."""
    parser = add_parser(
        name,
        help=purpose,
        description=f"{does} {purpose}.",
        epilog=_EXIT_STATUS,
        formatter_class=_Help,
        # An option to come would make today's abbreviations ambiguous.
        allow_abbrev=False,
    )
    parser.add_argument(
        "--server",
        default=os.environ.get("PINNERSAGE_SERVER") or DEFAULT_SERVER,
        metavar="HOST:PORT",
        help=f"the server (default: $PINNERSAGE_SERVER, else {DEFAULT_SERVER})",
    )
    _add_security(parser)
    parser.add_argument(
        "--timeout",
        dest="timeout_s",
        type=_seconds,
        default=DEFAULT_TIMEOUT_S,
        metavar="SECONDS",
        help="how long to wait for an answer (default: %(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document, for scripts")
    return parser


def _add_security(parser: argparse.ArgumentParser) -> None:
    """The options for a server that does not talk to everybody."""
    parser.add_argument(
        "--tls",
        action="store_true",
        help="speak TLS with a server whose certificate this machine trusts",
    )
    for flag, purpose in (
        ("--ca", "authorities that signed the server's certificate, PEM, in place of this machine's"),
        ("--cert", "certificate to show to the server, PEM"),
        ("--key", "its private key, PEM"),
    ):
        parser.add_argument(flag, type=Path, metavar="FILE", help=f"{purpose}; means --tls")
    parser.add_argument(
        "--api-key-file",
        type=Path,
        default=os.environ.get("PINNERSAGE_API_KEY_FILE") or None,
        metavar="FILE",
        help="file with the API key (default: $PINNERSAGE_API_KEY_FILE, else no key)",
    )


def _add_narrowing(parser: argparse.ArgumentParser) -> None:
    """The options of the commands that list candidates."""
    parser.add_argument(
        "--max-candidates",
        type=int,
        default=DEFAULT_MAX_CANDIDATES,
        metavar="N",
        help="how many to ask for, 1 to 1,000 (default: %(default)s)",
    )
    parser.add_argument(
        "--exclude",
        action="extend",
        nargs="+",
        default=[],
        metavar="ID",
        help="pins that must not come back, nor their near-duplicates",
    )
    parser.add_argument(
        "--min-score", type=float, metavar="X", help="drop candidates below this cosine, -1 to 1"
    )
    parser.add_argument(
        "--where",
        action="append",
        type=condition,
        default=[],
        metavar="CONDITION",
        help=f"only pins of which this holds: {FORMS}; give it again for another. Several COLUMN=TEXT of one "
        "column: any of them",
    )
    parser.add_argument(
        "--titles",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="fetch the pins' titles, if the server has any (default: --titles)",
    )


def _merge_policy(text: str) -> MergePolicy:
    policies = {policy.name.lower(): policy for policy in (MergePolicy.INTERLEAVED, MergePolicy.FUSED)}
    if text not in policies:
        raise argparse.ArgumentTypeError(f"{text} is not one of {', '.join(policies)}")
    return policies[text]


def _seconds(text: str) -> float:
    problem = f"{text} is not 0.001 to 3600 seconds"
    try:
        seconds = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(problem) from error
    if not 0.001 <= seconds <= 3_600.0:
        raise argparse.ArgumentTypeError(problem)
    return seconds
