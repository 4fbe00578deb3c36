"""What benchmarks.freshness found out, as values and as tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

K = 200


@dataclass(frozen=True, kw_only=True)
class ShareCost:
    """With one share of the pool added.

    Attributes:
        share: Added pins to pins of the artefact.
        n_side: Candidates added.
        add_s: Seconds from the start of `add`, its input read, until the side is live.
        open_s: Seconds from there until a reader has opened and checked it and finds a new pin.
        recall: Mean recall@200 of both as one.
        recall_added: The share of the added pins among the exact 200 nearest that was found.
        mean_us: Of one query, k = 200, one thread.
        side_us: What of it is the search of the added pins.
    """

    share: float
    n_side: int
    add_s: float
    open_s: float
    recall: float
    recall_added: float | None
    mean_us: float
    side_us: float


@dataclass(frozen=True, kw_only=True)
class SideCost:
    """Comparing all of `n` added pins with a query, or with 40 at once, beside searching an index of them."""

    n: int
    exact_us: float
    hnsw_us: float
    exact_40_us: float
    hnsw_40_us: float
    hnsw_recall: float
    hnsw_build_s: float


def show(figures: Mapping[str, int], shares: Sequence[ShareCost], sides: Sequence[SideCost]) -> None:
    """Both tables on the screen, under what was measured."""
    console = Console()
    title = f"{figures['pins']:,} pins of {figures['dimension']} dimensions, efSearch {figures['ef_search']}"
    table = Table("added", "add s", "open s", f"recall@{K}", "of the added", "us", "side us", title=title)
    for each in shares:
        of_added = "" if each.recall_added is None else f"{each.recall_added:.4f}"
        seconds = f"{each.add_s:.2f}", f"{each.open_s:.2f}"
        micros = f"{each.mean_us:,.0f}", f"{each.side_us:,.0f}"
        table.add_row(
            f"{each.share:.0%} ({each.n_side:,})", *seconds, f"{each.recall:.4f}", of_added, *micros
        )
    console.print(table)
    table = Table("added pins", "compared, us", "index, us", "40: compared", "index", "its recall", "build s")
    for cost in sides:
        times = cost.exact_us, cost.hnsw_us, cost.exact_40_us, cost.hnsw_40_us
        shown = [f"{each:,.0f}" for each in times]
        table.add_row(f"{cost.n:,}", *shown, f"{cost.hnsw_recall:.4f}", f"{cost.hnsw_build_s:.1f}")
    console.print(table)
