"""`python -m tests.deployment.draw_dashboard` draws docs/dashboard.png from what Prometheus says."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pyarrow.parquet as pq
from matplotlib.axes import Axes

from pinnersage.client import CallError, Client
from tests.deployment.prometheus import Prometheus, prometheus
from tests.deployment.queries import filled_in, panels
from tests.end_to_end.processes import ROOT, serving
from tests.ports import free_port
from tests.waiting import wait_until

WORLD = ROOT / "build" / "demo" / "emoji"
PICTURE = ROOT / "docs" / "dashboard.png"
LASTS_S = 120
_STEP_S = 2
_COLUMNS = 3
_UNITS = {"reqps": "a second", "percentunit": "share", "s": "seconds", "bytes": "bytes", "short": ""}
# What is large is shown in larger units, as Grafana does.
_LARGER = {"seconds": (86_400, "days"), "bytes": (1e6, "MB")}


def draw() -> None:
    """Run the demo's server under load, and draw what its dashboard shows of these two minutes."""
    if not (WORLD / "pins" / "CURRENT").exists():
        sys.exit(f"{WORLD} holds no artefact: run `make demo` first")
    with tempfile.TemporaryDirectory() as folder, watched(Path(folder)) as (address, running):
        began_s = time.time()
        ask(address, Path(folder) / "events.jsonl", began_s + LASTS_S)
        save([(panel, answers(running, panel, began_s)) for panel in panels()])


@contextmanager
def watched(folder: Path) -> Iterator[tuple[str, Prometheus]]:
    """The demo's server and a consumer over copies of its files, and a Prometheus that scrapes both."""
    for part in ("pins", "profiles"):
        shutil.copytree(WORLD / part, folder / part)
    events = folder / "events.jsonl"
    events.touch()
    where = ("--pins", folder / "pins", "--profiles", folder / "profiles")
    ports = {"pinnersage": free_port(), "pinnersage-online": free_port()}
    with ExitStack() as stack:
        followed = ("--events", events, *where, "--metrics-port", ports["pinnersage-online"])
        consumer = subprocess.Popen(
            [sys.executable, "-m", "profile_builder", "online", *map(str, followed)],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(consumer.wait)
        stack.callback(consumer.terminate)
        shares = ("--recall-share", "0.2", "--observed-share", "0.2", "--cache-mb", "8", "--drain-s", "0")
        server = serving(*where, "--metrics-port", str(ports["pinnersage"]), *shares)
        address, _ = stack.enter_context(server)
        running = stack.enter_context(prometheus(folder, free_port(), ports))
        wait_until(lambda: len(running.query("up == 1")) == len(ports))
        yield address, running


def ask(address: str, events: Path, until_s: float) -> None:
    """Four callers, and somebody who acts: more and more, then less; now and then a caller who errs."""
    actions = pq.read_table(WORLD / "data" / "actions.parquet", columns=["user_id", "pin_id"]).to_pylist()
    rng = np.random.default_rng(1)

    def call(_: int) -> None:
        with Client(address) as client:
            while (left_s := until_s - time.time()) > 0:
                user = actions[rng.integers(len(actions))]["user_id"]
                try:
                    client.recommend(
                        user if rng.random() < 0.97 else "",
                        max_candidates=200 if rng.random() < 0.9 else None,
                    )
                except CallError:
                    continue
                time.sleep(0.02 + 0.08 * abs(1 - 2 * left_s / LASTS_S))

    with ThreadPoolExecutor(4) as callers, events.open("a") as stream:
        for caller in range(4):
            callers.submit(call, caller)
        while time.time() < until_s:
            done = actions[rng.integers(len(actions))]
            stream.write(json.dumps(done | {"timestamp": int(time.time()), "action": "save"}) + "\n")
            stream.flush()
            time.sleep(0.05)


def answers(running: Prometheus, panel: dict[str, Any], began_s: float) -> list[dict[str, Any]]:
    """The lines of a panel: their names and their points."""
    lines = []
    for target in panel["targets"]:
        found = running.ask(
            "query_range",
            query=filled_in(target["expr"]).replace("[1m]", "[20s]"),
            start=began_s + 10,
            end=time.time(),
            step=_STEP_S,
        )
        lines += [
            {"name": named(target["legendFormat"], each["metric"]), "points": each["values"], "from": began_s}
            for each in found["result"]
        ]
    return lines


def named(legend: str, labels: dict[str, str]) -> str:
    """The legend with its labels filled in."""
    for label, value in labels.items():
        legend = legend.replace(f"{{{{{label}}}}}", value)
    return legend


def save(drawn: list[tuple[dict[str, Any], list[dict[str, Any]]]]) -> None:
    """All panels on one sheet."""
    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - once the back end is chosen

    rows = -(-len(drawn) // _COLUMNS)
    figure, axes = plt.subplots(rows, _COLUMNS, figsize=(15, 2.3 * rows), layout="constrained")
    for ax, (panel, lines) in zip(axes.flat, drawn, strict=False):
        draw_panel(ax, panel, lines)
    for ax in axes.flat[len(drawn) :]:
        ax.set_axis_off()
    for ax in axes[-1]:
        ax.set_xlabel("seconds of the two minutes", fontsize=7)
    figure.savefig(PICTURE, dpi=80)


def draw_panel(ax: Axes, panel: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    """One panel: its lines over the seconds since the beginning."""
    ax.set_title(panel["title"], fontsize=9, loc="left")
    ax.tick_params(labelsize=7)
    ax.grid(alpha=0.3)
    points = [np.array(line["points"], dtype=np.float64).T for line in lines]
    shown = [(line, *of) for line, of in zip(lines, points, strict=True) if np.any(of[1] > 0)]
    largest = max((values.max() for _, _, values in shown), default=1.0)
    per, unit = scaled(_UNITS[panel["fieldConfig"]["defaults"]["unit"]], largest)
    ax.set_ylabel(unit, fontsize=7)
    for line, times, values in shown:
        ax.plot(times - line["from"], values / per, linewidth=1.2, label=line["name"])
    if shown:
        ax.legend(fontsize=6, ncols=2, loc="best", framealpha=0.6)
    else:
        ax.text(
            0.5,
            0.5,
            "0 all the time" if lines else "nothing happened",
            ha="center",
            va="center",
            fontsize=8,
            transform=ax.transAxes,
        )
    ax.set_xlim(0, LASTS_S)
    ax.set_ylim(0, 1.08 * largest / per)


def scaled(unit: str, largest: float) -> tuple[float, str]:
    """What values are divided by, and the unit that they then have."""
    per, larger = _LARGER.get(unit, (1.0, unit))
    return (per, larger) if largest >= per else (1.0, unit)


if __name__ == "__main__":
    draw()
