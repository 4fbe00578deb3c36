"""The emoji world: a data set in our own format, made on the spot from packages that hold its data."""
