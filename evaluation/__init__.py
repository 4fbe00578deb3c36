"""The paper's offline experiments (Section 5.3) on any data set, as JSON and as one HTML report."""
