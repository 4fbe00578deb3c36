"""The pin artefact: every valid pin's vector, the refined pool's HNSW index, and who stands for whom."""
