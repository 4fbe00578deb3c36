"""A folder in our data format as a world to evaluate on."""
