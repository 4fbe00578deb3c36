"""`python -m tests.deployment.sizing` writes the cores that calls take into docs/operations.md."""

import re
import textwrap

from tests.architecture.sources import ROOT

DOCUMENT = ROOT / "docs" / "operations.md"

# What is measured, in microseconds of a core: rows of docs/performance.md (`python -m benchmarks.serving`).
WARM_US = 89  # "CPU of a warm call", a few calls at a time.
PEAK_US = 60  # The same where calls wait for the processor: less is woken up for each.
PARSED_US = 329  # "CPU of a warm call that meets a user who was never parsed".
MIX_US, MIX_HIT_RATE = 1_902, 0.6  # "CPU of a call of the mix", nearly each of a user who was never parsed.

N_LISTS = 3  # Of a call.
USER_US = PARSED_US - WARM_US
LIST_US = round((MIX_US - PARSED_US) / (N_LISTS * (1 - MIX_HIT_RATE)), -1)  # Each that was not cached.
BUSY = 0.6  # Of a core; the rest is for what comes in bursts.
# Lists that are cached, users who are in memory, and what the table calls them.
CASES = (
    (1.0, "all", 1.0, "all"),
    (0.99, "99 %", 1.0, "all"),
    (0.9, "90 %", 0.5, "half"),
    (0.6, "60 %", 0.0, "none"),
)

_BEGIN, _END = "**Cores, by calls.**", "So memory for the cache"


def call_us(cached: float, in_memory: float) -> float:
    """What a call takes of a core."""
    return WARM_US + (1 - in_memory) * USER_US + N_LISTS * (1 - cached) * LIST_US


def section() -> str:
    """The paragraph and its table."""
    told = (
        f"{_BEGIN} Over a million pins a warm call of {N_LISTS} interests and 400 candidates takes "
        f"{PEAK_US} us of a core where calls queue up, and {WARM_US} with a few at a time, as in the table; "
        f"{USER_US} us more if the user's profile is not in memory ({PARSED_US} in all), and some "
        f"{LIST_US:,.0f} us more for each list that is not cached: a call of the mix takes {MIX_US:,}, "
        f"which is {PARSED_US} and {N_LISTS * (1 - MIX_HIT_RATE):.1f} such lists. At "
        f"{BUSY:.0%} of a core, which leaves room for what comes in bursts:".replace("%", " %")
    )
    columns = ("lists found in the cache", "users in memory", "us a call")
    rates = ("calls a second and core", "cores for 1,000 calls a second")
    rows = [f"| {' | '.join(columns + rates)} |", "|---|---|---:|---:|---:|"]
    for cached, lists, in_memory, users in CASES:
        a_call_us = call_us(cached, in_memory)
        a_second = BUSY * 1e6 / a_call_us
        rows.append(
            f"| {lists} | {users} | {a_call_us:,.0f} | {round(a_second, -1):,.0f} | {1000 / a_second:.1f} |"
        )
    return textwrap.fill(told, 118, break_on_hyphens=False) + "\n\n" + "\n".join(rows) + "\n\n"


def written() -> str:
    """The document with the section as it is to be."""
    pattern = rf"(?s){re.escape(_BEGIN)}.*?(?={re.escape(_END)})"
    return re.sub(pattern, lambda _: section(), DOCUMENT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    DOCUMENT.write_text(written(), encoding="utf-8")
