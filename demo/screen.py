"""What the demo puts on the screen: colours and columns on a terminal, plain lines anywhere else."""

from collections.abc import Iterable, Sequence
from io import TextIOWrapper
from typing import TextIO

from rich.console import Console, OverflowMethod
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from demo.people import Interest, Person, Recent, Suggestions
from pinnersage.client.command_line.columns import printable

# From this width on, what belongs together stands side by side.
SIDE_BY_SIDE_COLUMNS = 110
PLAIN_COLUMNS = 100
MARGIN = "  "


class Screen:
    """Prints the demo's steps and its people.

    Args:
        file: Where to print.
        width: In columns; None: the terminal's.
    """

    def __init__(self, file: TextIO, width: int | None = None) -> None:
        if isinstance(file, TextIOWrapper):
            # Where an emoji cannot be written there is a question mark, not a traceback.
            file.reconfigure(errors="replace")
        is_terminal = file.isatty()
        self._console = Console(
            file=file, width=width or (None if is_terminal else PLAIN_COLUMNS), highlight=False
        )
        self._is_plain = not is_terminal

    def heading(self, title: str) -> None:
        """Open a part."""
        self._line()
        self._console.print(
            Rule(Text(title, "bold"), align="left", characters="-" if self._is_plain else "─", style="dim")
        )

    def stage(self, title: str, command: str, finished: bool) -> None:
        """A stage's title and the command it runs."""
        self._line()
        done = "  (finished before, and nothing has changed)" if finished else ""
        self._line((title, "bold"), (done, "dim"))
        self.command(command)

    def step(self, purpose: str, command: str) -> None:
        """Something to try: what for, and what to type."""
        self._line()
        self._line(purpose)
        self.command(command)

    def command(self, command: str) -> None:
        """A command, on one line however long, so that it can be copied."""
        self._line(("$ ", "dim"), (command, "cyan"))

    def note(self, text: str) -> None:
        """Something worth knowing, in passing."""
        self._line((text, "dim"))

    def person(self, person: Person) -> None:
        """One person: who they are, their interests, and why each candidate is there."""
        self.heading(
            f"{printable(person.user_id)}: {_count(person.n_actions, 'action')} in 90 days,"
            f" {_count(len(person.interests), 'interest')}"
        )
        self._beside([_recent(person.recent), _interests(person.interests)])
        self._line()
        self.note(
            f"{_count(person.n_candidates, 'candidate')} from"
            f" {_count(len(person.suggestions), 'sampled interest')}"
            f" in {person.answer_ms:.1f} ms; of each interest the first:"
        )
        self._beside([_suggestions(group) for group in person.suggestions])

    def _line(self, *parts: str | tuple[str, str]) -> None:
        self._console.print(Text.assemble(*parts), soft_wrap=True)

    def _beside(self, blocks: Sequence[Text]) -> None:
        """Side by side where there is room, else one below the other."""
        if self._console.width < SIDE_BY_SIDE_COLUMNS:
            for block in blocks:
                # In a file nothing is cut.
                overflow: OverflowMethod = "ignore" if self._is_plain else "ellipsis"
                self._console.print(block, no_wrap=True, overflow=overflow, soft_wrap=self._is_plain)
            return
        grid = Table.grid(expand=True)
        for _ in blocks:
            grid.add_column(ratio=1)
        grid.add_row(*blocks)
        self._console.print(grid)


def _recent(recent: Iterable[Recent]) -> Text:
    return _block("Newest actions", ((f"{_ago(each.days_ago):>11}", each.title) for each in recent))


def _interests(interests: Iterable[Interest]) -> Text:
    return _block(
        "Interests (share of importance, pins, medoid)",
        ((f"{each.share:>4.0%}{each.size:>5}", each.title) for each in interests),
    )


def _suggestions(group: Suggestions) -> Text:
    return _block(
        group.reason,
        (("" if cosine is None else f"{cosine:5.2f}", title) for title, cosine in group.candidates),
    )


def _block(title: str, lines: Iterable[tuple[str, str]]) -> Text:
    """A title over lines of a number and a pin's title: those too long for their place are cut.

    A title may hold anything, but it stays on its line, and does not speak to the terminal.
    """
    block = Text(no_wrap=True, overflow="ellipsis")
    block.append(f"{MARGIN}{printable(title)}", "green")
    for number, text in lines:
        block.append(f"\n{MARGIN}{number}  ", "dim").append(printable(text))
    return block


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _ago(days: float) -> str:
    if days < 1:
        return "today"
    return "1 day ago" if days < 2 else f"{days:.0f} days ago"
