"""What the processes share: pin artefact, profile stores, data sets, model files, publishing."""
