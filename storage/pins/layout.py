"""The files of one version of the pins, all of them written once and then only mapped into memory."""

PINS = "pins.arrow"
"""Arrow IPC, uncompressed: row -> pin_id, and title where the data had one (large_string)."""

IDS = "ids.npy"
"""uint64 [2, n]: the sorted xxh3-64 of every pin id, and its row."""

REPRESENTATIVE = "representative.npy"
"""int32 [n]: the refined row that stands for each row, or NO_ROW."""

EMBEDDINGS = "embeddings.npy"
"""float16 [n, d], unit norm; the refined pool first, so that FAISS's label is the row."""

INDEX = "hnsw.faiss"
"""HNSW over the refined pool."""

COLUMNS = "columns.arrow"
"""Arrow IPC, uncompressed: the filter columns of each row; only where some were declared."""

FILES = (PINS, IDS, REPRESENTATIVE, EMBEDDINGS, INDEX)
"""Those that every version has."""
