"""The gRPC service: profile -> sample -> retrieve -> merge (or fuse) -> encode."""

import os

# Calls are answered side by side already. numpy's BLAS reads this when it is loaded: after this line.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
