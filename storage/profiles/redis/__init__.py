"""The distributed profile store: one Redis or Valkey, read and written by any number of processes."""
