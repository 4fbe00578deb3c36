"""Why one average is hard to beat: an experiment for each cause that could be, on the validation period."""
