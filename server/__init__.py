"""The gRPC service: profile -> sample -> retrieve -> merge -> encode."""
