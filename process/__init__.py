"""How every program here starts, reads its settings, reports progress and says what went wrong."""
