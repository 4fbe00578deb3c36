"""The parts of the page, in its order, and the results that belong to each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """Which results a section shows: those whose key begins with one of `stems`.

    Attributes:
        anchor: Of the section.
        title: For people.
        stems: What stands before the point of a key.
        lead: What the reader must know first.
        absent: The sentence for a report without any of it; "" says nothing.
    """

    anchor: str
    title: str
    stems: tuple[str, ...]
    lead: str = ""
    absent: str = ""


PLANS = (
    Plan(
        "retrieval",
        "Retrieval: what 400 candidates hold",
        ("table4", "table4_served", "table4_kept"),
        "Relevance is the share of the pins people acted on that have a candidate at least as near as the "
        "threshold; recall is the share that is itself among the candidates.",
        "Table 4, relevance and recall, was not run.",
    ),
    Plan(
        "ranking",
        "Ranking: acted on, among 20 that were not",
        ("table5",),
        "A pin scores its greatest cosine to the embeddings picked for the user.",
        "Table 5, the ranking of actions among impressions, was not run.",
    ),
    Plan(
        "oracles",
        "If the best of several embeddings were known",
        ("table1",),
        "An oracle knows what the user does next, and picks the nearest of the user’s embeddings to it.",
        "Table 1, the oracles, was not run.",
    ),
    Plan(
        "embeddings",
        "How many embeddings",
        ("figure7",),
        "The budget of 400 is shared: with more embeddings each brings fewer candidates. In the paper "
        "relevance and diversity rise with e; from e = 3 relevance tapers, and diversity is about that of "
        "users’ own actions.",
        "Figure 7, one to ten embeddings, was not run.",
    ),
    Plan(
        "thresholds",
        "Relevance depends on where near begins",
        ("threshold", "thresholds", "relevance"),
        "",
        "Relevance over a range of thresholds was not run.",
    ),
    Plan(
        "average",
        "What an average stands for",
        ("figure2",),
        "In the paper’s picture the average of painting, shoes and science fiction lies nearest to an energy "
        "boosting breakfast.",
        "Figure 2, three interests and their average, was not drawn.",
    ),
    Plan(
        "newest",
        "What the newest action stands for",
        ("figure3",),
        "In the paper’s picture none of a user’s last five actions resembles the latest.",
        "Figure 3, a user’s actions and the newest, was not drawn.",
    ),
    Plan(
        "interests",
        "What interests look like",
        ("figure5", "interests"),
        "",
        "Figure 5, the interests of a user, was not drawn.",
    ),
    Plan(
        "recommended",
        "What interests recommend",
        ("figure6",),
        "",
        "Figure 6, recommendations by interest, was not drawn.",
    ),
    Plan(
        "sweep",
        "When several embeddings pay, and when one average wins",
        ("sweep",),
        "The same methods on worlds that differ in one thing at a time.",
    ),
    Plan(
        "cost",
        "What it costs",
        ("table2", "cost"),
        "Measured on one machine: the ratios carry over, the absolute times do not.",
        "Table 2, the cost of retrieval, was not measured: that takes 1,000 pins.",
    ),
)
