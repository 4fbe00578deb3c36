"""A large world: a million real titles as the pool, and simulated people who act on them."""
