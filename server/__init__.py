"""The gRPC service: profile -> sample -> retrieve -> merge (or fuse) -> encode."""

import os

# Calls are answered side by side already. numpy's BLAS reads this when it is loaded: after this line.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# gRPC's own lines, one for each stranger who fails a handshake, would stand between those of the log.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
