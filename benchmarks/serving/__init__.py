"""What the server costs beside what gRPC in Python costs at the least: `python -m benchmarks.serving`."""
