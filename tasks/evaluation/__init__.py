"""How good ranked lists are: metrics per user, intervals over users, and a table that compares systems.

    metrics    precision, recall, NDCG, MAP, MRR, hit rate; catalogue coverage
    gains      discounts and ideal DCG, also from a sample of the relevant items
    bootstrap  percentile intervals of means and of paired differences
    table      systems side by side; the random baseline and the lists of single sources

Everything is pure: frames in, frames out.
"""
