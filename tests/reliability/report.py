"""What came of every case of a reliability run, as tables: `python -m tests.reliability.report [FOLDER]`."""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.reliability.faults import LIST_STEPS, PRUNE_STEPS, PUBLISH_STEPS

TALLY = Path("build/chaos/tally")

Case = tuple[str, ...]
"""What was struck, where, by which fault, and what came of it; or the first and the last of these alone.

See the fixture `tally`.
"""

_SUM = "**sum**"
_STEPS = (*PUBLISH_STEPS, *PRUNE_STEPS, *LIST_STEPS)
_WORDS = {"signal 9": "killed", "signal 25": "killed"}


def counts_of(table: Path) -> Counter[Case]:
    """The counts that the processes of one run wrote of one test, added up."""
    counts: Counter[Case] = Counter()
    for line in table.read_text().splitlines():
        *case, count = line.split("\t")
        counts[tuple(case)] += int(count)
    return counts


def lines_of(title: str, counts: Mapping[Case, int]) -> Iterator[str]:
    """A Markdown table of what came of each case."""
    yield f"\n### {title}\n"
    is_by_fault = all(len(case) == 4 for case in counts)
    yield from _by_fault(counts) if is_by_fault else _by_what(counts)


def _by_what(counts: Mapping[Case, int]) -> Iterator[str]:
    """A row for each thing, and what came of it."""
    things: dict[str, Counter[str]] = defaultdict(Counter)
    for (what, ended), count in counts.items():
        things[what][ended] += count
    yield _row("what", "came of it")
    yield _row("---", "---")
    for what, outcomes in things.items():
        yield _row(what, _cell(outcomes))


def _by_fault(counts: Mapping[Case, int]) -> Iterator[str]:
    """A row for each place, of whichever things, a column for each fault, a row of sums."""
    things: dict[str, dict[str, None]] = defaultdict(dict)
    cells: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for (what, where, fault, ended), count in counts.items():
        things[where][what] = None
        for row in (where, _SUM):
            cells[row, fault][_WORDS.get(ended, ended)] += count
    faults = sorted(dict.fromkeys(fault for _, _, fault, _ in counts), key=lambda fault: fault == "none")
    yield _row("where", "of", *faults)
    yield _row(*["---"] * (2 + len(faults)))
    for where in (*sorted(things, key=_order), _SUM):
        yield _row(where, ", ".join(things[where]), *(_cell(cells[where, fault]) for fault in faults))


def _order(where: str) -> int:
    return _STEPS.index(where) if where in _STEPS else len(_STEPS)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(outcomes: Counter[str]) -> str:
    return ", ".join(f"{count:,} {ended}" for ended, count in sorted(outcomes.items()))


def main(folder: Path) -> None:
    """Print a table for each test that ran."""
    for table in sorted(folder.glob("*.tsv")):
        print("\n".join(lines_of(table.stem.removeprefix("test_").replace("_", " "), counts_of(table))))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TALLY)
