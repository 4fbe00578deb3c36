"""The Spark engine: what the local one does, by tasks on any number of machines, and the same to the byte."""
