"""The paper's own figures, as lifts over the last pin by method (Tables 1, 4 and 5 of arXiv 2007.03634).

Empty until somebody has copied them from the paper's text: a report shows none rather than one from memory.
"""

Lifts = dict[str, float]

TABLE_1: Lifts = {}
RELEVANCE: Lifts = {}
RECALL: Lifts = {}
R_PRECISION: Lifts = {}
RECIPROCAL_RANK: Lifts = {}
