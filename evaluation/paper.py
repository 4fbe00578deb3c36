"""The paper's own figures, as lifts over the last pin (Tables 1, 4 and 5 of arXiv 2007.03634).

They were measured on Pinterest's data, relevance at a cosine of 0.8 of PinSage vectors. What the paper has
and we do not measure (HierTCN) is left out.
"""

TABLE_1 = {"last-pin": 0.0, "decay-0.01": 0.25, "k-means-oracle": 0.98, "oracle": 1.10}

RELEVANCE = {
    "last-pin": 0.0,
    "decay-0.01": 0.28,
    "sample-1": 0.33,
    "k-means": 0.91,
    "complete": 0.88,
    "centroid": 1.05,
    "lambda-0": 0.97,
    "lambda-0.1": 0.94,
    "pinnersage": 1.10,
}
RECALL = {
    "last-pin": 0.0,
    "decay-0.01": 0.14,
    "sample-1": 0.18,
    "k-means": 0.68,
    "complete": 0.65,
    "centroid": 0.81,
    "lambda-0": 0.72,
    "lambda-0.1": 0.69,
    "pinnersage": 0.88,
}
R_PRECISION = {
    "last-pin": 0.0,
    "decay-0.01": 0.08,
    "sample-1": 0.24,
    "k-means": 0.32,
    "complete": 0.29,
    "centroid": 0.37,
    "lambda-0": 0.31,
    "lambda-0.1": 0.30,
    "pinnersage": 0.37,
}
RECIPROCAL_RANK = {
    "last-pin": 0.0,
    "decay-0.01": 0.07,
    "sample-1": 0.18,
    "k-means": 0.24,
    "complete": 0.22,
    "centroid": 0.28,
    "lambda-0": 0.24,
    "lambda-0.1": 0.24,
    "pinnersage": 0.28,
}
