"""Table 2 of the paper as measured cost: kinds of index, the refined pool, medoids with a cache."""
