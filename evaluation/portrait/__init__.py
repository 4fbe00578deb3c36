"""The paper's Figures 2, 3, 5 and 6: one user, chosen by a rule, and what is true of all of them."""
