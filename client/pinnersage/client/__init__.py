"""The Python client of the PinnerSage recommendation service."""
