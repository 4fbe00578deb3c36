"""Actions in, profiles out: the daily batch, and the calibration it rests on."""
