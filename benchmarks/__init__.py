"""What the service costs, as ratios measured in one run: JSON under build/bench, a table on screen."""

import os

# As in the server, for benchmarks that load numpy before it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
