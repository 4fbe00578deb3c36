"""The whole service on your screen: build, serve, ask, and say why each candidate is there."""
