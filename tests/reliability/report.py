"""What came of every case of a reliability run, as tables: `python -m tests.reliability.report [FOLDER]`."""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

TALLY = Path("build/chaos/tally")

Case = tuple[str, str, str, str]
"""What was struck, where, by which fault, and what came of it; see the fixture `tally`."""


def counts_of(table: Path) -> Counter[Case]:
    """The counts that the processes of one run wrote of one test, added up."""
    counts: Counter[Case] = Counter()
    for line in table.read_text().splitlines():
        what, where, fault, ended, count = line.split("\t")
        counts[what, where, fault, ended] += int(count)
    return counts


def lines_of(title: str, counts: Mapping[Case, int]) -> Iterator[str]:
    """A Markdown table: a row for each place, a column for each fault, a row of sums."""
    faults = list(dict.fromkeys(fault for _, _, fault, _ in counts))
    cells: dict[tuple[str, str], dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for (what, where, fault, ended), count in counts.items():
        cells[what, where][fault][ended] += count
        cells["all", ""][fault][ended] += count
    cells["all", ""] = cells.pop(("all", ""))
    yield f"\n### {title}\n"
    yield _row("what", "where", *faults)
    yield _row(*["---"] * (2 + len(faults)))
    for place, by_fault in cells.items():
        yield _row(*place, *(_cell(by_fault[fault]) for fault in faults))


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
