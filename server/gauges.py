"""What is asked for its value when metrics are read: sizes, ages, what is served, what is under way."""

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence

import structlog

from server.admission import Admission
from server.metrics_catalogue import FOLLOWED, Artefact
from server.metrics_rows import Rows
from server.metrics_serving import Serving
from server.takedown import Takedown

log = structlog.get_logger("server.gauges")


class Gauges:
    """The gauges of one process.

    Args:
        rows: Where their values are written down.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._watched: dict[tuple[str, ...], Callable[[], float]] = {}
        self._serving: Serving | None = None
        self._watch_serving()

    def watch(self, name: str, value: Callable[[], float], *labels: str) -> None:
        """Expose a gauge; it is asked at each scrape, or when one of several workers refreshes."""
        self._watched[name, *labels] = value

    def refresh(self) -> None:
        """Write down what the gauges are now; of one that cannot tell, nothing is exposed."""
        for series, value in list(self._watched.items()):
            try:
                now = value()
            except Exception:
                # One gauge must not cost the others, nor the scrape.
                log.warning("gauge not read", gauge=series[0], exc_info=True)
                now = math.nan
            self._rows.gauges[self._rows.layout.slot(*series)] = now

    def serve(self, serving: Serving) -> None:
        """Expose what is served, from now on."""
        self._serving = serving

    @property
    def versions(self) -> Mapping[str, str]:
        """Of what is served; empty for nothing."""
        return {} if self._serving is None else self._serving.versions

    def watch_takedown(self, takedown: Takedown) -> None:
        """Expose the takedown list in force."""
        self.watch("pinnersage_takedown_listed", lambda: takedown.blocked.listed)
        self.watch("pinnersage_takedown_unknown", lambda: takedown.blocked.unknown)
        self.watch("pinnersage_takedown_bad_lines", lambda: takedown.bad_lines)
        self.watch("pinnersage_takedown_age_seconds", lambda: takedown.age_s)

    def watch_refused(self, refused: Callable[[], Collection[Artefact]]) -> None:
        """Expose of what the live version is not served."""
        for each in FOLLOWED:
            self.watch("pinnersage_version_refused", _is_in(refused, each), each)

    def watch_cache(self, size_bytes: Callable[[], int], entries: Callable[[], int]) -> None:
        """Expose the candidate cache's size."""
        self.watch("pinnersage_candidate_cache_bytes", size_bytes)
        self.watch("pinnersage_candidate_cache_entries", entries)

    def watch_profile_cache(self, size_bytes: Callable[[], int], entries: Callable[[], int]) -> None:
        """Expose the size of the profile cache."""
        self.watch("pinnersage_profile_cache_bytes", size_bytes)
        self.watch("pinnersage_profile_cache_entries", entries)

    def watch_admission(self, admissions: Sequence[Admission]) -> None:
        """Expose how many calls there are at this moment."""
        self.watch("pinnersage_calls_in_flight", lambda: sum(each.in_flight for each in admissions))
        self.watch("pinnersage_calls_queued", lambda: sum(each.queued for each in admissions))

    def _watch_serving(self) -> None:
        gauges: Mapping[str, Callable[[Serving], float]] = {
            "pinnersage_indexed_pins": lambda now: now.n_indexed,
            "pinnersage_side_pins": lambda now: now.n_side,
            "pinnersage_profiles": lambda now: now.n_users,
            "pinnersage_pins_age_seconds": lambda now: time.time() - now.pins_made_s(),
            "pinnersage_side_age_seconds": lambda now: time.time() - now.side_made_s(),
            "pinnersage_profiles_age_seconds": lambda now: time.time() - now.profiles_computed_s,
        }
        for name, value in gauges.items():
            self.watch(name, self._of_serving(value))

    def _of_serving(self, value: Callable[[Serving], float]) -> Callable[[], float]:
        return lambda: math.nan if self._serving is None else value(self._serving)


def _is_in(these: Callable[[], Collection[Artefact]], each: Artefact) -> Callable[[], float]:
    return lambda: each in these()
