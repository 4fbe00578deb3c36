"""What callers notice while a new version of the pins is read, warmed and taken into service under load."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.serving.figures import Figure
from benchmarks.serving.flood import OK, Callers, flood
from benchmarks.serving.load import Generator
from benchmarks.serving.processes import Target
from benchmarks.serving.served import World, served
from pinnersage.v1 import recommender_pb2 as pb
from storage.manifests import MANIFEST
from storage.pins.artefact import pin_versions
from storage.pins.manifest import FORMAT
from storage.publishing import read_manifest

LOAD = 0.6
SWAPS = 2
_FILLED = 150
_SLICE_S, _STEADY_SLICES = 1.0, 5
_GIVE_UP_S = 60.0
# Who respects the limit of calls on a connection is never turned away with two of them.
_CALLERS = Callers(connections=2)


def swaps(world: World, _: Mapping[str, Figure]) -> dict[str, Figure]:
    """The 99th percentile from publication to a second after the swap, over that of quiet seconds before."""
    root = twins(world.pins, world.settings.out.parent / "serving")
    versions = [each.name for each in pin_versions(root).versions()]
    pin_versions(root).make_current(versions[0])
    with served(replace(world, pins=root), 100_000, "--poll-s=0.5") as (target, generator):
        requests = world.requests(_FILLED, seed=31)
        generator.closed_loop(requests)
        most = flood(
            target.port,
            target.method,
            requests,
            np.zeros(20_000),
            callers=replace(_CALLERS, at_most=64),
            lasts_s=_SLICE_S,
        )
        load = _Load(target, generator, requests, LOAD * most.per_second())
        runs = []
        for at in range(SWAPS):
            steady = load.latencies_s(_STEADY_SLICES)
            pin_versions(root).make_current(versions[(at + 1) % 2])
            runs.append((steady, load.latencies_until(versions[(at + 1) % 2])))
    return {
        "swap_p99_ratio": Figure.of([_p99(during) / _p99(steady) for steady, during in runs], "at most 2"),
        "swap_steady_p99_us": Figure.of([1e6 * _p99(steady) for steady, _ in runs]),
        "swap_failed_calls": Figure.of([load.failed], "0"),
    }


class _Load:
    """Asks at a steady rate, a slice of time after the other."""

    def __init__(
        self, target: Target, generator: Generator, requests: Sequence[bytes], per_second: float
    ) -> None:
        self._target, self._generator, self._requests = target, generator, requests
        self._per_second = per_second
        self._slices = 0
        self.failed = 0

    def latencies_s(self, slices: int) -> NDArray[np.float64]:
        """Of so many slices."""
        return np.concatenate([self._slice() for _ in range(slices)])

    def latencies_until(self, version: str) -> NDArray[np.float64]:
        """From now until one slice after answers are of a version.

        Raises:
            RuntimeError: They never are.
        """
        met, until = [], time.monotonic() + _GIVE_UP_S
        while self._version() != version:
            if time.monotonic() > until:
                raise RuntimeError(f"version {version} was not served within {_GIVE_UP_S:.0f} s")
            met.append(self._slice())
        return np.concatenate([*met, self._slice()])

    def _slice(self) -> NDArray[np.float64]:
        self._slices += 1
        due_s = np.random.default_rng(self._slices).random(round(self._per_second * _SLICE_S)) * _SLICE_S
        asked = flood(
            self._target.port,
            self._target.method,
            self._requests,
            np.sort(due_s),
            callers=_CALLERS,
            lasts_s=_SLICE_S,
        )
        self.failed += len(asked.statuses) - asked.count(OK)
        return asked.latencies_s

    def _version(self) -> str:
        (answer,) = self._generator.answers(self._requests[:1])
        return pb.RecommendResponse.FromString(answer).artefact_version


def _p99(latencies_s: NDArray[np.float64]) -> float:
    return float(np.percentile(latencies_s, 99))


def twins(pins: Path, folder: Path) -> Path:
    """Two versions of the same pins, which share all data; made unless they are there."""
    original = pin_versions(pins).folder()
    versions = pin_versions(folder / f"twins-{original.name}")
    versions.root.mkdir(parents=True, exist_ok=True)
    while len(versions.versions()) < 2:
        versions.publish(lambda to: _shared(original, to, len(versions.versions())))
    return versions.root


def _shared(original: Path, to: Path, number: int) -> dict[str, object]:
    manifest = dict(read_manifest(original, newest_format=FORMAT))
    del manifest["files"]
    for each in original.iterdir():
        if each.name != MANIFEST:
            os.link(each, to / each.name)
    return manifest | {"twin": number}
