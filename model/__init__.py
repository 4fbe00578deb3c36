"""PinnerSage itself: pure functions on arrays. No I/O, no clock, no logging, no global randomness."""
